package demo

import (
	"fmt"
	"time"
)

// volume puts a size into words, on one line.
func volume(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d\u00a0B", n)
	}
	return fmt.Sprintf("%.1f\u00a0KB", float64(n)/1000)
}

// span puts a duration into words, in its two largest units.
func span(d time.Duration) string {
	d = max(d, 0).Truncate(time.Second)
	units := []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}}
	for i, u := range units {
		if d < u.size {
			continue
		}
		text := fmt.Sprintf("%d %s", d/u.size, u.name)
		if i+1 < len(units) {
			next := units[i+1]
			if n := d % u.size / next.size; n > 0 {
				text += fmt.Sprintf(" %d %s", n, next.name)
			}
		}
		return text
	}
	return "0 s"
}
