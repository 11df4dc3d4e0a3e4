package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/gob"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	kms "k8s.io/kms/apis/v2"
)

// kube-apiserver's own default.
const deadline = 3 * time.Second

// Sealed is an Encrypt's answer, and what it was asked for.
type Sealed struct {
	Seed       []byte
	KeyID      string
	Ciphertext []byte
	Notes      map[string][]byte
}

// dial opens one connection, which all calls share, as in kube-apiserver.
func dial(socket string) (kms.KeyManagementServiceClient, error) {
	connection, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority("localhost"))
	if err != nil {
		return nil, err
	}
	return kms.NewKeyManagementServiceClient(connection), nil
}

func status(client kms.KeyManagementServiceClient) error {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	answer, err := client.Status(ctx, &kms.StatusRequest{})
	if err == nil && (answer.Healthz != "ok" || answer.KeyId == "") {
		return fmt.Errorf("status is %q with key ID %q", answer.Healthz, answer.KeyId)
	}
	return err
}

func encrypt(client kms.KeyManagementServiceClient, index int) (Sealed, error) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	seed := make([]byte, 32)
	rand.Read(seed)
	answer, err := client.Encrypt(ctx, &kms.EncryptRequest{Plaintext: seed, Uid: fmt.Sprint("bench-", index)})
	if err != nil {
		return Sealed{}, err
	}
	return Sealed{seed, answer.KeyId, answer.Ciphertext, answer.Annotations}, nil
}

func decrypt(client kms.KeyManagementServiceClient, sealed Sealed, index int) error {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	answer, err := client.Decrypt(ctx, &kms.DecryptRequest{
		Ciphertext: sealed.Ciphertext, KeyId: sealed.KeyID, Annotations: sealed.Notes, Uid: fmt.Sprint("bench-", index),
	})
	if err == nil && !bytes.Equal(answer.Plaintext, sealed.Seed) {
		return errors.New("the plaintext is not what was sealed")
	}
	return err
}

// load calls one operation again and again. Decrypt opens the same value each time, so a cache is warm.
func load(words []string) (any, error) {
	options, err := parse("load", words)
	if err != nil {
		return nil, err
	}
	client, err := dial(*options.socket)
	if err != nil {
		return nil, err
	}
	call, err := operation(client, *options.op)
	if err != nil {
		return nil, err
	}
	return run(options, call), nil
}

func operation(client kms.KeyManagementServiceClient, name string) (func(int) error, error) {
	if name == "status" {
		return func(int) error { return status(client) }, nil
	}
	sealed, err := encrypt(client, 0)
	if err != nil {
		return nil, err
	}
	calls := map[string]func(int) error{
		"encrypt": func(index int) error { _, err := encrypt(client, index); return err },
		"decrypt": func(index int) error { return decrypt(client, sealed, index) },
	}
	calls["mixed"] = func(index int) error {
		switch index % 10 {
		case 0:
			return status(client)
		case 1, 2:
			return calls["encrypt"](index)
		default:
			return calls["decrypt"](index)
		}
	}
	if calls[name] == nil {
		return nil, fmt.Errorf("there is no operation %q", name)
	}
	return calls[name], nil
}

// seal encrypts seeds one after the other until it has so many that no two share a data key, and keeps them in a file.
//
// A plugin may seal several seeds under one data key when they come fast; a Decrypt of the second would then be no
// uncached one. What tells data keys apart is the annotations, or the ciphertext where there are none.
func seal(words []string) (any, error) {
	options, err := parse("seal", words)
	if err != nil {
		return nil, err
	}
	client, err := dial(*options.socket)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var all []Sealed
	start := time.Now()
	for len(all) < *options.calls {
		sealed, err := encrypt(client, len(all))
		if err != nil {
			return nil, err
		}
		if key := dataKey(sealed); !seen[key] {
			seen[key] = true
			all = append(all, sealed)
			continue
		}
		time.Sleep(time.Millisecond)
	}
	return Figures{Calls: len(all), Seconds: time.Since(start).Seconds()}, save(*options.file, all)
}

func dataKey(sealed Sealed) string {
	var wraps []string
	for _, wrapped := range sealed.Notes {
		if !bytes.Equal(wrapped, make([]byte, len(wrapped))) {
			wraps = append(wraps, string(wrapped))
		}
	}
	if len(wraps) == 0 {
		return string(sealed.Ciphertext)
	}
	// A map has no order: of two looks at the same wraps each has to see the same.
	slices.Sort(wraps)
	return strings.Join(wraps, "")
}

// open decrypts the values of a file in turn and compares what comes back.
func open(words []string) (any, error) {
	options, err := parse("open", words)
	if err != nil {
		return nil, err
	}
	var all []Sealed
	if err := restore(*options.file, &all); err != nil {
		return nil, err
	}
	client, err := dial(*options.socket)
	if err != nil {
		return nil, err
	}
	return run(options, func(index int) error { return decrypt(client, all[index%len(all)], index) }), nil
}

// first starts a command and tells how long it took until Status was answered well, then ends it. Without a command it
// waits for a plugin that is started otherwise; with the operation encrypt, for an Encrypt as well.
func first(words []string) (any, error) {
	options, err := parse("first", words)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	words = options.flags.Args()
	if len(words) == 0 {
		err := answered(options, start)
		return single(time.Since(start), nil), err
	}
	command, err := begin(words)
	if err != nil {
		return nil, err
	}
	err = answered(options, start)
	elapsed := time.Since(start)
	command.Process.Kill()
	command.Wait()
	return single(elapsed, command), err
}

// answered waits until the plugin answers well.
func answered(options options, start time.Time) error {
	for time.Since(start) < 30*time.Second {
		if _, err := os.Stat(*options.socket); err == nil {
			client, err := dial(*options.socket)
			if err != nil {
				return err
			}
			err = status(client)
			if err == nil && *options.op == "encrypt" {
				_, err = encrypt(client, 0)
			}
			if err == nil {
				return nil
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	return errors.New("no good Status within 30 s")
}

func save(path string, value any) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return gob.NewEncoder(file).Encode(value)
}

func restore(path string, value any) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return gob.NewDecoder(file).Decode(value)
}
