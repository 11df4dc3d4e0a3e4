// Command driver puts load on a KMS plugin's socket, as kube-apiserver's own client would, and prints one line of JSON.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
)

// commands is every way to call it. A command gets the words after its name.
var commands = map[string]func([]string) (any, error){
	"load":  load,
	"seal":  seal,
	"open":  open,
	"write": write,
	"read":  read,
	"first": first,
}

func main() {
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fail(fmt.Errorf("usage: driver load|seal|open|write|read|first -socket PATH [OPTIONS]"))
	}
	report, err := commands[os.Args[1]](os.Args[2:])
	if err != nil {
		fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(report); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// options are those of all commands; each reads what it needs.
type options struct {
	flags    *flag.FlagSet
	socket   *string
	op       *string
	inFlight *int
	calls    *int
	seconds  *float64
	warmup   *float64
	file     *string
}

func parse(name string, words []string) (options, error) {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	parsed := options{
		flags:    flags,
		socket:   flags.String("socket", "", "the plugin's socket"),
		op:       flags.String("op", "status", "status, encrypt, decrypt or mixed"),
		inFlight: flags.Int("in-flight", 1, "how many calls at once"),
		calls:    flags.Int("calls", 0, "how many calls; without it, seconds count"),
		seconds:  flags.Float64("seconds", 1, "how long"),
		warmup:   flags.Float64("warmup", 0, "seconds before the measurement"),
		file:     flags.String("file", "", "where sealed values are kept between two commands"),
	}
	return parsed, flags.Parse(words)
}
