package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"
)

// folderSize is how many secrets one folder has.
const folderSize = 10_000

// kvClient calls the API of Vault's KV version 2. Each goroutine takes one of its tokens and keeps one connection.
type kvClient struct {
	http   *http.Client
	url    string
	tokens []string
	count  int
}

// kvRead reads secrets in an order that jumps over all of them, or with calls each of the first ones once.
func kvRead(words []string) (any, error) {
	return kvRun("kv-read", words, func(c *kvClient, index int) error {
		return c.call(index, "GET", c.secret(index*7919), "", `"password"`)
	})
}

// kvWrite writes a new version of secrets, in the same order.
func kvWrite(words []string) (any, error) {
	return kvRun("kv-write", words, func(c *kvClient, index int) error { return c.write(index, index*7919) })
}

// kvSeed writes each secret once.
func kvSeed(words []string) (any, error) {
	return kvRun("kv-seed", words, func(c *kvClient, index int) error { return c.write(index, index) })
}

// kvList lists the first folder.
func kvList(words []string) (any, error) {
	return kvRun("kv-list", words, func(c *kvClient, index int) error {
		last := fmt.Sprintf(`"s%06d"`, min(c.count, folderSize)-1)
		return c.call(index, "GET", "metadata/bench/0?list=true", "", last)
	})
}

// kvFirst starts a command and tells how long it took until a secret was read, then ends it.
func kvFirst(words []string) (any, error) {
	options, err := parse("kv-first", words)
	if err != nil {
		return nil, err
	}
	client, err := newKvClient(options)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	words = options.flags.Args()
	command := exec.Command(words[0], words[1:]...)
	if err := command.Start(); err != nil {
		return nil, err
	}
	defer command.Wait()
	defer command.Process.Kill()
	for err = errors.New("not started"); err != nil && time.Since(start) < time.Minute; {
		time.Sleep(2 * time.Millisecond)
		err = client.call(0, "GET", client.secret(0), "", `"password"`)
	}
	if err != nil {
		return nil, fmt.Errorf("no secret within a minute: %w", err)
	}
	elapsed := time.Since(start)
	return Figures{Calls: 1, Seconds: elapsed.Seconds(), P50: milliseconds(elapsed)}, nil
}

func kvRun(name string, words []string, call func(*kvClient, int) error) (any, error) {
	options, err := parse(name, words)
	if err != nil {
		return nil, err
	}
	client, err := newKvClient(options)
	if err != nil {
		return nil, err
	}
	return run(options, func(index int) error { return call(client, index) }), nil
}

func newKvClient(options options) (*kvClient, error) {
	authority, err := os.ReadFile(*options.authority)
	if err != nil {
		return nil, err
	}
	tokens, err := os.ReadFile(*options.tokens)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return nil, errors.New("the file of the authority has no certificate")
	}
	// A TLS configuration of its own keeps Go's transport at HTTP/1.1, for both servers.
	transport := &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13},
		MaxIdleConnsPerHost: *options.inFlight,
		DisableCompression:  true,
	}
	return &kvClient{
		http:   &http.Client{Transport: transport, Timeout: time.Minute},
		url:    *options.url,
		tokens: strings.Fields(string(tokens)),
		count:  *options.count,
	}, nil
}

// secret is the path of a secret below the mount; numbers wrap around.
func (c *kvClient) secret(number int) string {
	number %= c.count
	return fmt.Sprintf("data/bench/%d/s%06d", number/folderSize, number)
}

func (c *kvClient) write(index, number int) error {
	body := fmt.Sprintf(`{"data":{"username":"user%06d","password":"0123456789abcdef0123456789abcdef"}}`, index)
	return c.call(index, "POST", c.secret(number), body, `"version"`)
}

// call fails unless the answer is a success that contains a text.
func (c *kvClient) call(index int, method, path, body, expected string) error {
	request, err := http.NewRequest(method, c.url+"/v1/secret/"+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("X-Vault-Token", c.tokens[index%len(c.tokens)])
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK || !strings.Contains(string(answer), expected) {
		return fmt.Errorf("%s %s answered %d: %.300s", method, path, response.StatusCode, answer)
	}
	return nil
}
