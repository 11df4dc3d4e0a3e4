package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// begin starts a command without input and without output, except for its messages of errors.
func begin(words []string) (*exec.Cmd, error) {
	command := exec.Command(words[0], words[1:]...)
	command.Stderr = os.Stderr
	return command, command.Start()
}

// execute runs a command to its end and returns the time that it took.
func execute(words []string) (any, error) {
	options, err := parse("exec", words)
	if err != nil {
		return nil, err
	}
	words = options.flags.Args()
	if len(words) == 0 {
		return nil, errors.New("usage: driver exec -- COMMAND")
	}
	start := time.Now()
	command, err := begin(words)
	if err != nil {
		return nil, err
	}
	err = command.Wait()
	elapsed := time.Since(start)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", words[0], err)
	}
	return single(elapsed, command), nil
}

// single is the figures of one call, with the processor time of a command that has ended.
func single(elapsed time.Duration, command *exec.Cmd) Figures {
	figures := Figures{Calls: 1, Seconds: elapsed.Seconds(), P50: milliseconds(elapsed)}
	if command != nil && command.ProcessState != nil {
		figures.Processor = milliseconds(command.ProcessState.UserTime() + command.ProcessState.SystemTime())
	}
	return figures
}
