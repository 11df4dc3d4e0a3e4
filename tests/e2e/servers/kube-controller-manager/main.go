// Command kube-controller-manager is the controller manager of the release that go.mod pins, built from its modules
// because no distribution packages it. It adds nothing: the end-to-end tests are to meet the real thing.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-controller-manager/app"

	// What the release's own command links in beside the controllers: JSON logs and the metrics of its clients and version.
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
)

func main() {
	command := app.NewControllerManagerCommand()
	os.Exit(cli.Run(command))
}
