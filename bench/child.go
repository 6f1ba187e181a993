package main

import (
	"fmt"
	"runtime"
)

// A child measures one peer for the parent.
type child struct {
	peer  *peer
	stand *stand
}

func (c *child) do(o order) (r report, err error) {
	var work *testCase
	if o.Case != "" {
		if work, err = find(allCases(), o.Case); err != nil {
			return r, err
		}
	}
	switch o.Do {
	case "open":
		c.stand = newStand(c.peer, o.N)
	case "calibrate":
		r.N, err = c.stand.calibrate(work, o.For)
	case "slice":
		r.CPU, err = c.stand.slice(work, o.N, o.Goroutines)
	case "count":
		r.Counts, err = c.stand.count(work)
	case "serve":
		home, isWeb := c.stand.home.(web)
		if !isWeb {
			return r, fmt.Errorf("%s is not served by net/http", c.peer.name)
		}
		r.Address, r.Cookies, err = serve(home, work, o.N)
	case "collect":
		runtime.GC()
	case "cpu":
		r.CPU = float64(cpuTime())
	default:
		err = fmt.Errorf("no such order: %q", o.Do)
	}
	return r, err
}
