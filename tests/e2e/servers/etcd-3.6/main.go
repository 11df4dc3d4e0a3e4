// Prints each key of an etcd data file that is alive at its newest revision, read by bbolt itself: the key, that
// revision, and the value's first five parts between colons, or "plain" where it does not begin with "k8s:enc:".
package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"sort"

	bolt "go.etcd.io/bbolt"
	"go.etcd.io/etcd/api/v3/mvccpb"
)

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func label(value []byte) string {
	if !bytes.HasPrefix(value, []byte("k8s:enc:")) {
		return "plain"
	}
	parts := bytes.SplitN(value, []byte(":"), 6)
	if len(parts) < 6 {
		return string(value)
	}
	return string(bytes.Join(parts[:5], []byte(":")))
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: bolt-rows FILE")
		os.Exit(64)
	}
	db, err := bolt.Open(os.Args[1], 0o400, &bolt.Options{ReadOnly: true})
	if err != nil {
		fail(err)
	}
	type row struct {
		revision int64
		label    string
	}
	rows := map[string]row{}
	err = db.View(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("key")).ForEach(func(name, content []byte) error {
			var pair mvccpb.KeyValue
			if err := pair.Unmarshal(content); err != nil {
				return err
			}
			// Revisions are in order: main, "_", sub, and "t" behind a tombstone.
			if len(name) == 18 && name[17] == 't' {
				delete(rows, string(pair.Key))
				return nil
			}
			rows[string(pair.Key)] = row{int64(binary.BigEndian.Uint64(name[:8])), label(pair.Value)}
			return nil
		})
	})
	if err != nil {
		fail(err)
	}
	keys := make([]string, 0, len(rows))
	for key := range rows {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, key := range keys {
		fmt.Printf("%s\t%d\t%s\n", key, rows[key].revision, rows[key].label)
	}
}
