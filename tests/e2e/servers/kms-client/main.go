// Command kms-client calls a KMS v2 plugin without pause, with the options of kube-apiserver's own client, until its
// standard input ends. Then it prints one line of JSON.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	kms "k8s.io/kms/apis/v2"
)

// kube-apiserver's default for one call.
const deadline = 3 * time.Second

// Report is what the calls came to.
type Report struct {
	Calls   int     `json:"calls"`
	Failed  int     `json:"failed"`
	Failure string  `json:"failure"`
	Slowest float64 `json:"slowestMs"`
}

func main() {
	socket := flag.String("socket", "", "the plugin's socket")
	inFlight := flag.Int("in-flight", 8, "how many calls at once")
	flag.Parse()
	connection, err := grpc.NewClient("unix:"+*socket,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithAuthority("localhost"),
		grpc.WithDefaultCallOptions(grpc.WaitForReady(true)))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	client := kms.NewKeyManagementServiceClient(connection)
	stop := make(chan struct{})
	go func() { io.Copy(io.Discard, os.Stdin); close(stop) }()
	var group sync.WaitGroup
	var lock sync.Mutex
	var report Report
	for range *inFlight {
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				start := time.Now()
				err := roundTrip(client)
				lock.Lock()
				report.add(time.Since(start), err)
				lock.Unlock()
			}
		})
	}
	group.Wait()
	json.NewEncoder(os.Stdout).Encode(report)
}

func (r *Report) add(took time.Duration, err error) {
	r.Calls++
	r.Slowest = max(r.Slowest, float64(took)/float64(time.Millisecond))
	if err != nil {
		r.Failed++
		r.Failure = err.Error()
	}
}

// roundTrip is an Encrypt and the Decrypt of its answer, each with a deadline of its own.
func roundTrip(client kms.KeyManagementServiceClient) error {
	seed := make([]byte, 32)
	rand.Read(seed)
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	sealed, err := client.Encrypt(ctx, &kms.EncryptRequest{Plaintext: seed, Uid: "restart"})
	if err != nil {
		return err
	}
	again, cancelAgain := context.WithTimeout(context.Background(), deadline)
	defer cancelAgain()
	opened, err := client.Decrypt(again, &kms.DecryptRequest{
		Ciphertext: sealed.Ciphertext, KeyId: sealed.KeyId, Annotations: sealed.Annotations, Uid: "restart",
	})
	if err == nil && !bytes.Equal(opened.Plaintext, seed) {
		return errors.New("the plaintext is not what was sealed")
	}
	return err
}
