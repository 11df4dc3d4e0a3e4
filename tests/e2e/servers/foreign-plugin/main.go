// A stand-in for KMS plugins that others wrote, where their own programs cannot be had: it keeps to their documented
// formats over a real Vault, and to nothing else of them. See the table in lib/envelope/foreign_formats.ts.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"google.golang.org/grpc"
	v1beta1 "k8s.io/kms/apis/v1beta1"
	v2 "k8s.io/kms/apis/v2"
)

type options struct {
	socket, dialect string
	vault           vault
}

func parseOptions() (options, error) {
	o := options{}
	flag.StringVar(&o.socket, "socket", "", "path of the Unix socket to serve on")
	flag.StringVar(&o.dialect, "dialect", "", "whose format: trousseau-v1, trousseau-v2 or vault-kubernetes-kms")
	flag.StringVar(&o.vault.address, "vault-address", "", "origin of Vault")
	flag.StringVar(&o.vault.token, "token", "", "a token that may use and read the key")
	flag.StringVar(&o.vault.key, "transit-key", "kms", "the key's name in the engine mounted at transit")
	flag.Parse()
	if o.socket == "" || o.vault.address == "" || o.vault.token == "" {
		return o, errors.New("-socket, -vault-address and -token are needed")
	}
	if _, known := dialects[o.dialect]; !known {
		return o, fmt.Errorf("-dialect %q is not known", o.dialect)
	}
	return o, nil
}

func serve(ctx context.Context, o options) error {
	if err := os.Remove(o.socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	listener, err := net.Listen("unix", o.socket)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	d := dialects[o.dialect]
	v1beta1.RegisterKeyManagementServiceServer(server, &oldAPI{vault: o.vault, dialect: d})
	if d.servesV2 {
		v2.RegisterKeyManagementServiceServer(server, &newAPI{vault: o.vault, dialect: d})
	}
	context.AfterFunc(ctx, server.Stop)
	fmt.Printf("stand-in for %s ready on %s\n", o.dialect, o.socket)
	return server.Serve(listener)
}

type oldAPI struct {
	v1beta1.UnimplementedKeyManagementServiceServer
	vault   vault
	dialect dialect
}

func (p *oldAPI) Version(context.Context, *v1beta1.VersionRequest) (*v1beta1.VersionResponse, error) {
	return &v1beta1.VersionResponse{Version: "v1beta1", RuntimeName: "stand-in", RuntimeVersion: "0.0.1"}, nil
}

func (p *oldAPI) Encrypt(ctx context.Context, r *v1beta1.EncryptRequest) (*v1beta1.EncryptResponse, error) {
	text, err := p.vault.encrypt(ctx, r.Plain)
	if err != nil {
		return nil, err
	}
	return &v1beta1.EncryptResponse{Cipher: []byte(p.dialect.write(text))}, nil
}

func (p *oldAPI) Decrypt(ctx context.Context, r *v1beta1.DecryptRequest) (*v1beta1.DecryptResponse, error) {
	text, err := p.dialect.read(string(r.Cipher))
	if err != nil {
		return nil, err
	}
	plain, err := p.vault.decrypt(ctx, text)
	return &v1beta1.DecryptResponse{Plain: plain}, err
}

type newAPI struct {
	v2.UnimplementedKeyManagementServiceServer
	vault   vault
	dialect dialect
}

func (p *newAPI) Status(ctx context.Context, _ *v2.StatusRequest) (*v2.StatusResponse, error) {
	version, err := p.vault.latestVersion(ctx)
	return &v2.StatusResponse{Version: "v2", Healthz: "ok", KeyId: version}, err
}

// The key ID comes from a second call, as the original has it.
func (p *newAPI) Encrypt(ctx context.Context, r *v2.EncryptRequest) (*v2.EncryptResponse, error) {
	text, err := p.vault.encrypt(ctx, r.Plaintext)
	if err != nil {
		return nil, err
	}
	version, err := p.vault.latestVersion(ctx)
	return &v2.EncryptResponse{Ciphertext: []byte(p.dialect.write(text)), KeyId: version}, err
}

func (p *newAPI) Decrypt(ctx context.Context, r *v2.DecryptRequest) (*v2.DecryptResponse, error) {
	text, err := p.dialect.read(string(r.Ciphertext))
	if err != nil {
		return nil, err
	}
	plain, err := p.vault.decrypt(ctx, text)
	return &v2.DecryptResponse{Plaintext: plain}, err
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := parseOptions()
	if err == nil {
		err = serve(ctx, o)
	}
	if err != nil && !strings.Contains(err.Error(), "stopped") {
		fmt.Fprintln(os.Stderr, "foreign-plugin:", err)
		os.Exit(1)
	}
}
