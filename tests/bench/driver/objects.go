package main

import (
	"bytes"
	"context"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"

	"k8s.io/apiserver/pkg/storage/value"
	"k8s.io/apiserver/pkg/storage/value/encrypt/aes"
	"k8s.io/apiserver/pkg/storage/value/encrypt/envelope"
)

// Object is a value as kube-apiserver would put it into etcd, and what it was.
type Object struct {
	Plain  []byte
	Stored []byte
}

// Kubernetes remembers so many DEKs under v1beta1.
const dekCache = 1000

// apiServerSide is kube-apiserver's own code for v1beta1: its client and its envelope, with an empty cache of DEKs.
func apiServerSide(socket string) (value.Transformer, error) {
	service, err := envelope.NewGRPCService(context.Background(), "unix://"+socket, deadline)
	if err != nil {
		return nil, err
	}
	gcm := func(block cipher.Block) (value.Transformer, error) { return aes.NewGCMTransformer(block) }
	return envelope.NewEnvelopeTransformer(service, dekCache, gcm), nil
}

// path binds a value to its place, as kube-apiserver does with the key in etcd.
func path(index int) value.DefaultContext {
	return value.DefaultContext(fmt.Sprint("/registry/secrets/default/bench-", index))
}

// write encrypts so many objects one after the other, each under a DEK of its own, and keeps them in a file.
func write(words []string) (any, error) {
	options, err := parse("write", words)
	if err != nil {
		return nil, err
	}
	transformer, err := apiServerSide(*options.socket)
	if err != nil {
		return nil, err
	}
	objects := make([]Object, *options.calls)
	figures := measure(1, upTo(len(objects)), func(index int) error {
		plain := make([]byte, 256)
		rand.Read(plain)
		stored, err := transformer.TransformToStorage(context.Background(), plain, path(index))
		objects[index] = Object{plain, stored}
		return err
	})
	if figures.Failed > 0 {
		return nil, fmt.Errorf("%d of %d writes failed: %s", figures.Failed, figures.Calls, figures.Failure)
	}
	return figures, save(*options.file, objects)
}

// read decrypts each object of a file, one after the other, and compares.
func read(words []string) (any, error) {
	options, err := parse("read", words)
	if err != nil {
		return nil, err
	}
	var objects []Object
	if err := restore(*options.file, &objects); err != nil {
		return nil, err
	}
	transformer, err := apiServerSide(*options.socket)
	if err != nil {
		return nil, err
	}
	return measure(1, upTo(len(objects)), func(index int) error {
		plain, _, err := transformer.TransformFromStorage(context.Background(), objects[index].Stored, path(index))
		if err == nil && !bytes.Equal(plain, objects[index].Plain) {
			return errors.New("the object is not what was written")
		}
		return err
	}), nil
}
