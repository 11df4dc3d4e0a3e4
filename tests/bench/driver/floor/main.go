// Command floor is a KMS v2 plugin that does nothing: it answers with the bytes of the request. Its cost is that of
// grpc-go and of the system calls, and so the least that a plugin on grpc-go can cost.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"google.golang.org/grpc"
	kms "k8s.io/kms/apis/v2"
)

const keyID = "floor"

type plugin struct {
	kms.UnimplementedKeyManagementServiceServer
}

func (plugin) Status(context.Context, *kms.StatusRequest) (*kms.StatusResponse, error) {
	return &kms.StatusResponse{Version: "v2", Healthz: "ok", KeyId: keyID}, nil
}

func (plugin) Encrypt(_ context.Context, request *kms.EncryptRequest) (*kms.EncryptResponse, error) {
	return &kms.EncryptResponse{Ciphertext: request.Plaintext, KeyId: keyID}, nil
}

func (plugin) Decrypt(_ context.Context, request *kms.DecryptRequest) (*kms.DecryptResponse, error) {
	return &kms.DecryptResponse{Plaintext: request.Ciphertext}, nil
}

func serve(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	kms.RegisterKeyManagementServiceServer(server, plugin{})
	return server.Serve(listener)
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: floor SOCKET")
		os.Exit(2)
	}
	if err := serve(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
