package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

func main() {
	if role := os.Getenv(roleVariable); role != "" {
		exit(play(role))
		return
	}
	rounds := flag.Int("rounds", 5, "how often each figure is taken")
	slice := flag.Duration("time", 100*time.Millisecond, "CPU time of a figure; over loopback four times as much on the clock")
	caseList := flag.String("cases", "", "cases to run, separated by commas (default all: "+names(allCases())+")")
	peerList := flag.String("peers", "", "peers to run, separated by commas (default all: "+names(peers)+")")
	check := flag.Bool("check", false, "exit 1 when a bar is missed, and say by how much")
	memory := flag.Bool("memory", false, "a million sessions instead of requests")
	stores := flag.Bool("stores", false, "stores outside the process, on real servers; with cases "+names(storeCases)+" and peers "+names(storePeers()))
	flag.Parse()

	switch {
	case flag.NArg() > 0:
		exit(fmt.Errorf("only flags are taken, no arguments: %q", flag.Args()))
	case *rounds < 1 || *slice <= 0:
		exit(errors.New("-rounds and -time must be positive"))
	case *memory && *stores:
		exit(errors.New("-memory and -stores are two runs: leave one out"))
	case *memory && *caseList+*peerList != "":
		exit(errors.New("-memory has cases and peers of its own: leave -cases and -peers out"))
	}
	fmt.Printf("%s %s/%s, GOMAXPROCS %d, rounds: %d\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), *rounds)
	var bars []bar
	switch {
	case *memory:
		r, err := (&memoryRun{rounds: *rounds, plan: million, progress: os.Stderr}).run()
		exit(err)
		r.print(os.Stdout)
		bars = r.bars()
	case *stores:
		chosenCases, err := choose(storeCases, *caseList)
		exit(err)
		chosenPeers, err := choose(storePeers(), *peerList)
		exit(err)
		r, err := (&storeRun{
			rounds: *rounds, slice: *slice, crowd: storeCrowd, cases: chosenCases, peers: chosenPeers,
			progress: os.Stderr,
		}).run()
		exit(err)
		r.print(os.Stdout, chosenCases, chosenPeers)
		bars = storeBars(r)
	default:
		chosenCases, err := choose(allCases(), *caseList)
		exit(err)
		chosenPeers, err := choose(peers, *peerList)
		exit(err)
		r, err := (&requestRun{
			rounds: *rounds, slice: *slice, crowd: crowd, cases: chosenCases, peers: chosenPeers,
			progress: os.Stderr,
		}).run()
		exit(err)
		r.print(os.Stdout, chosenCases, chosenPeers)
		bars = requestBars(r)
	}
	if *check && !judge(os.Stdout, bars) {
		os.Exit(1)
	}
}

// exit ends the program if there is an error.
func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
}

// play is main for a child.
func play(role string) error {
	if name, found := strings.CutPrefix(role, hoardRole); found {
		return obey(os.Stdin, os.Stdout, (&hoard{name: name}).do)
	}
	if name, found := strings.CutPrefix(role, storeRole); found {
		p, err := find(storePeers(), name)
		if err != nil {
			return err
		}
		return obey(os.Stdin, os.Stdout, (&storeChild{peer: p}).do)
	}
	p, err := find(peers, role)
	if err != nil {
		return err
	}
	return obey(os.Stdin, os.Stdout, (&child{peer: p}).do)
}
