// A stand-in for KMS plugins that others wrote, where their own programs cannot be had: it keeps to their documented
// formats over a real Vault or moto, and to nothing else of them. See the table in lib/envelope/foreign_formats.ts.
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
	socket  string
	dialect dialect
	engine  engine
}

func parseOptions() (options, error) {
	var name, context string
	o, v, a := options{}, vault{}, aws{}
	flag.StringVar(&o.socket, "socket", "", "path of the Unix socket to serve on")
	flag.StringVar(&name, "dialect", "", "whose format: see dialects.go")
	flag.StringVar(&v.address, "vault-address", "", "origin of Vault")
	flag.StringVar(&v.token, "token", "", "a token that may use and read the key")
	flag.StringVar(&v.key, "transit-key", "kms", "the key's name in the engine mounted at transit")
	flag.StringVar(&a.endpoint, "aws-endpoint", "", "origin of AWS KMS, instead of Vault")
	flag.StringVar(&a.key, "aws-key", "", "the key's ARN")
	flag.StringVar(&context, "aws-context", "", "the encryption context, such as a=b")
	flag.Parse()
	var known bool
	if o.dialect, known = dialects[name]; !known {
		return o, fmt.Errorf("-dialect %q is not known", name)
	}
	if left, right, found := strings.Cut(context, "="); found {
		a.context = map[string]string{left: right}
	}
	if parts := strings.Split(a.key, ":"); len(parts) > 3 {
		a.region = parts[3]
	}
	if o.engine = v; a.endpoint != "" {
		o.engine = a
	}
	if o.socket == "" || (a.region == "" && (v.address == "" || v.token == "")) {
		return o, errors.New("-socket is needed, and -vault-address and -token, or -aws-endpoint and -aws-key")
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
	v1beta1.RegisterKeyManagementServiceServer(server, &oldAPI{engine: o.engine, dialect: o.dialect})
	if o.dialect.version != "" {
		v2.RegisterKeyManagementServiceServer(server, &newAPI{engine: o.engine, dialect: o.dialect})
	}
	context.AfterFunc(ctx, server.Stop)
	fmt.Printf("ready on %s\n", o.socket)
	return server.Serve(listener)
}

type oldAPI struct {
	v1beta1.UnimplementedKeyManagementServiceServer
	engine  engine
	dialect dialect
}

func (p *oldAPI) Version(context.Context, *v1beta1.VersionRequest) (*v1beta1.VersionResponse, error) {
	return &v1beta1.VersionResponse{Version: "v1beta1", RuntimeName: "stand-in", RuntimeVersion: "0.0.1"}, nil
}

func (p *oldAPI) Encrypt(ctx context.Context, r *v1beta1.EncryptRequest) (*v1beta1.EncryptResponse, error) {
	ciphertext, err := p.engine.encrypt(ctx, r.Plain)
	if err != nil {
		return nil, err
	}
	return &v1beta1.EncryptResponse{Cipher: p.dialect.write(ciphertext)}, nil
}

func (p *oldAPI) Decrypt(ctx context.Context, r *v1beta1.DecryptRequest) (*v1beta1.DecryptResponse, error) {
	ciphertext, err := p.dialect.read(r.Cipher)
	if err != nil {
		return nil, err
	}
	plain, err := p.engine.decrypt(ctx, ciphertext)
	return &v1beta1.DecryptResponse{Plain: plain}, err
}

type newAPI struct {
	v2.UnimplementedKeyManagementServiceServer
	engine  engine
	dialect dialect
}

func (p *newAPI) Status(ctx context.Context, _ *v2.StatusRequest) (*v2.StatusResponse, error) {
	version, err := p.engine.keyID(ctx)
	return &v2.StatusResponse{Version: p.dialect.version, Healthz: "ok", KeyId: version}, err
}

// The key ID comes from a second call, as vault-kubernetes-kms has it.
func (p *newAPI) Encrypt(ctx context.Context, r *v2.EncryptRequest) (*v2.EncryptResponse, error) {
	ciphertext, err := p.engine.encrypt(ctx, r.Plaintext)
	if err != nil {
		return nil, err
	}
	version, err := p.engine.keyID(ctx)
	return &v2.EncryptResponse{Ciphertext: p.dialect.write(ciphertext), KeyId: version}, err
}

func (p *newAPI) Decrypt(ctx context.Context, r *v2.DecryptRequest) (*v2.DecryptResponse, error) {
	ciphertext, err := p.dialect.read(r.Ciphertext)
	if err != nil {
		return nil, err
	}
	plain, err := p.engine.decrypt(ctx, ciphertext)
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
