// Command driver puts load on a KMS plugin's socket, as kube-apiserver's own client would, or over HTTPS on a server
// with the API of Vault's KV version 2, and prints one line of JSON.
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
	"exec":  execute,

	"kv-seed":  kvSeed,
	"kv-read":  kvRead,
	"kv-write": kvWrite,
	"kv-list":  kvList,
	"kv-first": kvFirst,
}

func main() {
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fail(fmt.Errorf("usage: driver COMMAND [OPTIONS]; the commands are in main.go"))
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

	url, authority, tokens *string
	count                  *int
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

		url:       flags.String("url", "", "kv: the server, as in https://127.0.0.1:8200"),
		authority: flags.String("authority", "", "kv: file with the authority of its certificate"),
		tokens:    flags.String("tokens", "", "kv: file with one token a line; they take turns"),
		count:     flags.Int("count", folderSize, "kv: how many secrets there are"),
	}
	return parsed, flags.Parse(words)
}
