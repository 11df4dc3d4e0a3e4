// Command vault-test-server serves a real Vault core over HTTP or HTTPS for tests: storage in memory, or in files with
// -storage, initialised and unsealed, one root token. Whatever is behind the API is Vault's own; what is missing is Vault's command line, most of
// whose plugins the tests do not need.
//
// Once it listens it prints one line, "vault ready: <url> root_token=<token> unseal_key=<hex>". It ends with SIGTERM.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hashicorp/cli"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/command/server"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/vault"
)

type options struct {
	listen, token, certificate, key, storage, logLevel string
	latency                                            time.Duration
}

func parseOptions() (options, error) {
	var o options
	var milliseconds int
	flag.StringVar(&o.listen, "listen", "127.0.0.1:8200", "address and port; port 0 takes a free one")
	flag.StringVar(&o.token, "token", "root", "what the root token shall be")
	flag.StringVar(&o.certificate, "tls-cert", "", "certificate in PEM: serves HTTPS, together with -tls-key")
	flag.StringVar(&o.key, "tls-key", "", "private key of -tls-cert in PEM")
	flag.StringVar(&o.storage, "storage", "", "folder for Vault's file storage and the unseal key; in memory without it")
	flag.StringVar(&o.logLevel, "log-level", "warn", "how much Vault logs to stderr")
	flag.IntVar(&milliseconds, "latency-ms", 0, "how long each request waits before Vault sees it")
	flag.Parse()
	o.latency = time.Duration(milliseconds) * time.Millisecond
	if (o.certificate == "") != (o.key == "") {
		return o, errors.New("-tls-cert needs -tls-key, and the other way round")
	}
	return o, nil
}

// delayed lets d pass before each request, as a distant server would. A client that leaves meanwhile is not served.
func delayed(next http.Handler, d time.Duration) http.Handler {
	if d <= 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			next.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	})
}

func serve(ctx context.Context, o options) error {
	log := hclog.New(&hclog.LoggerOptions{Name: "vault", Level: hclog.LevelFromString(o.logLevel), Output: os.Stderr})
	core, unsealKey, err := startCore(o.token, o.storage, log)
	if err != nil {
		return err
	}
	defer core.Shutdown()

	listener := &configutil.Listener{
		Type: "tcp", Address: o.listen,
		TLSDisable: o.certificate == "", TLSCertFile: o.certificate, TLSKeyFile: o.key,
	}
	socket, _, _, err := server.NewListener(listener, os.Stderr, &cli.BasicUi{Writer: os.Stderr})
	if err != nil {
		return fmt.Errorf("listen on %s: %w", o.listen, err)
	}
	handler := vaulthttp.Handler.Handler(&vault.HandlerProperties{Core: core, ListenerConfig: listener})
	web := &http.Server{
		Handler:           delayed(handler, o.latency),
		ErrorLog:          log.StandardLogger(nil),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       5 * time.Minute,
	}
	context.AfterFunc(ctx, func() { _ = web.Close() })

	scheme := "https"
	if listener.TLSDisable {
		scheme = "http"
	}
	fmt.Printf("vault ready: %s://%s root_token=%s unseal_key=%x\n", scheme, socket.Addr(), o.token, unsealKey)
	if err := web.Serve(socket); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := parseOptions()
	if err == nil {
		err = serve(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "vault-test-server:", err)
		os.Exit(1)
	}
}
