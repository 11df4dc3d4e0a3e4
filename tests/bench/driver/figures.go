package main

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Figures is what a measurement came to. Latencies are in milliseconds.
type Figures struct {
	Calls   int     `json:"calls"`
	Seconds float64 `json:"seconds"`
	Rate    float64 `json:"rate"`
	P50     float64 `json:"p50"`
	P99     float64 `json:"p99"`
	Slowest float64 `json:"slowest"`
	Failed  int     `json:"failed"`
	Failure string  `json:"failure,omitempty"`

	// Calls of the warm-up, which the other figures do not contain.
	WarmupCalls int `json:"warmupCalls"`
	// Milliseconds of processor time, user and system, of a command that has ended.
	Processor float64 `json:"processor"`
}

// worker measures calls one after the other.
type worker struct {
	latencies []time.Duration
	failed    int
	failure   string
}

// run warms up, then measures so many calls or for so long.
func run(options options, call func(int) error) Figures {
	warmupCalls := 0
	if *options.warmup > 0 {
		warmupCalls = measure(*options.inFlight, during(*options.warmup), call).Calls
	}
	next := during(*options.seconds)
	if *options.calls > 0 {
		next = upTo(*options.calls)
	}
	figures := measure(*options.inFlight, next, call)
	figures.WarmupCalls = warmupCalls
	return figures
}

// measure makes calls from inFlight goroutines until next says that there are no more.
//
// call gets the number of the call, counted over all goroutines.
func measure(inFlight int, next func() (int, bool), call func(int) error) Figures {
	workers := make([]worker, inFlight)
	var group sync.WaitGroup
	start := time.Now()
	for i := range workers {
		group.Go(func() { workers[i].run(next, call) })
	}
	group.Wait()
	return summarize(workers, time.Since(start))
}

func (w *worker) run(next func() (int, bool), call func(int) error) {
	for index, more := next(); more; index, more = next() {
		start := time.Now()
		err := call(index)
		w.latencies = append(w.latencies, time.Since(start))
		if err != nil {
			w.failed++
			w.failure = err.Error()
		}
	}
}

func summarize(workers []worker, elapsed time.Duration) Figures {
	var all []time.Duration
	figures := Figures{Seconds: elapsed.Seconds()}
	for _, w := range workers {
		all = append(all, w.latencies...)
		figures.Failed += w.failed
		if w.failure != "" {
			figures.Failure = w.failure
		}
	}
	slices.Sort(all)
	figures.Calls = len(all)
	figures.Rate = float64(len(all)) / elapsed.Seconds()
	if len(all) > 0 {
		figures.P50 = milliseconds(all[len(all)/2])
		figures.P99 = milliseconds(all[min(len(all)-1, len(all)*99/100)])
		figures.Slowest = milliseconds(all[len(all)-1])
	}
	return figures
}

func milliseconds(d time.Duration) float64 {
	return float64(d) / float64(time.Millisecond)
}

// upTo counts from 0 and stops before n.
func upTo(n int) func() (int, bool) {
	var counter atomic.Int64
	return func() (int, bool) {
		index := int(counter.Add(1)) - 1
		return index, index < n
	}
}

// during counts from 0 until the time is over.
func during(seconds float64) func() (int, bool) {
	var counter atomic.Int64
	end := time.Now().Add(time.Duration(seconds * float64(time.Second)))
	return func() (int, bool) {
		return int(counter.Add(1)) - 1, time.Now().Before(end)
	}
}
