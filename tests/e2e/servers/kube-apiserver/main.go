// Command kube-apiserver is the API server of the release that go.mod pins, built from its modules because no
// distribution packages it. It adds nothing: the end-to-end tests are to meet the real thing.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"

	// What the release's own command links in beside the server: JSON logs and the metrics of its clients and version.
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
)

func main() {
	command := app.NewAPIServerCommand()
	os.Exit(cli.Run(command))
}
