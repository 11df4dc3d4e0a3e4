// Command vault-commands is the command line of Vault: `kv`, `login`, `token` and all the others, as HashiCorp's own
// package has them. Built with the tag `minimal`, it is without the storage and login plugins of clouds and databases.
package main

import (
	"os"

	"github.com/hashicorp/vault/command"
)

func main() {
	os.Exit(command.Run(os.Args[1:]))
}
