// Command hcl-check reads a module of OpenTofu and holds it against an excerpt of the schemas of its providers:
//
//	hcl-check SCHEMAS.json FOLDER…
//
// It parses each file, compares it with its own formatting, and looks up every resource, argument, block and reference.
// Each complaint is a line with its place; with one of them it ends with 1.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// shape is what a resource or a block of it takes and gives.
type shape struct {
	Required []string         `json:"required"`
	Optional []string         `json:"optional"`
	Exported []string         `json:"exported"`
	Blocks   map[string]shape `json:"blocks"`
}

type checker struct {
	resources map[string]shape
	variables map[string]bool
	declared  map[string]bool
	faults    int
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: hcl-check SCHEMAS.json FOLDER…")
		os.Exit(64)
	}
	text, err := os.ReadFile(os.Args[1])
	if err == nil {
		var document struct {
			Resources map[string]shape `json:"resources"`
		}
		if err = json.Unmarshal(text, &document); err == nil {
			faults := 0
			for _, folder := range os.Args[2:] {
				faults += check(document.Resources, folder)
			}
			if faults > 0 {
				os.Exit(1)
			}
			return
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func check(resources map[string]shape, folder string) int {
	c := &checker{resources: resources, variables: map[string]bool{}, declared: map[string]bool{}}
	files, _ := filepath.Glob(filepath.Join(folder, "*.tf"))
	if len(files) == 0 {
		fmt.Printf("%s: no file ends in .tf\n", folder)
		return 1
	}
	var bodies []*hclsyntax.Body
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		if !bytes.Equal(hclwrite.Format(text), text) {
			fmt.Printf("%s: it is not formatted\n", file)
			c.faults++
		}
		parsed, diagnostics := hclsyntax.ParseConfig(text, file, hcl.InitialPos)
		for _, diagnostic := range diagnostics {
			fmt.Println(diagnostic.Error())
			c.faults++
		}
		if body, ok := parsed.Body.(*hclsyntax.Body); ok {
			bodies = append(bodies, body)
		}
	}
	for _, body := range bodies {
		c.declare(body)
	}
	for _, body := range bodies {
		c.file(body)
	}
	return c.faults
}

func (c *checker) complain(where hcl.Range, format string, words ...any) {
	fmt.Printf("%s: %s\n", where, fmt.Sprintf(format, words...))
	c.faults++
}

func (c *checker) declare(body *hclsyntax.Body) {
	for _, block := range body.Blocks {
		switch {
		case block.Type == "variable" && len(block.Labels) == 1:
			c.variables[block.Labels[0]] = true
		case block.Type == "resource" && len(block.Labels) == 2:
			c.declared[block.Labels[0]+"."+block.Labels[1]] = true
		}
	}
}

func (c *checker) file(body *hclsyntax.Body) {
	for _, block := range body.Blocks {
		switch block.Type {
		case "resource":
			known, found := c.resources[block.Labels[0]]
			if !found {
				c.complain(block.DefRange(), "the excerpt has no resource %q", block.Labels[0])
				continue
			}
			c.body(block.Body, known, block.DefRange(), true)
		case "output":
			c.body(block.Body, shape{Required: []string{"value"}, Optional: []string{"description", "sensitive"}}, block.DefRange(), false)
		case "variable":
			c.body(block.Body, shape{Required: []string{"type", "description"}, Optional: []string{"default"}}, block.DefRange(), false)
		case "terraform":
		default:
			c.complain(block.DefRange(), "there is no block %q here", block.Type)
		}
	}
}

func (c *checker) body(body *hclsyntax.Body, known shape, where hcl.Range, resource bool) {
	for name, attribute := range body.Attributes {
		if !slices.Contains(known.Required, name) && !slices.Contains(known.Optional, name) {
			c.complain(attribute.SrcRange, "there is no argument %q", name)
		}
		if name != "type" || resource {
			c.references(attribute.Expr)
		}
	}
	for _, name := range known.Required {
		if _, given := body.Attributes[name]; !given {
			c.complain(where, "the argument %q is missing", name)
		}
	}
	for _, block := range body.Blocks {
		if resource && block.Type == "lifecycle" {
			c.body(block.Body, shape{Optional: []string{"prevent_destroy"}}, block.DefRange(), false)
			continue
		}
		inner, found := known.Blocks[block.Type]
		if !found {
			c.complain(block.DefRange(), "there is no block %q", block.Type)
			continue
		}
		c.body(block.Body, inner, block.DefRange(), false)
	}
}

// references looks up var.NAME and TYPE.NAME.ATTRIBUTE.
func (c *checker) references(expression hclsyntax.Expression) {
	for _, traversal := range expression.Variables() {
		words := []string{traversal.RootName()}
		for _, step := range traversal[1:] {
			if attribute, ok := step.(hcl.TraverseAttr); ok {
				words = append(words, attribute.Name)
			}
		}
		if len(words) < 2 {
			c.complain(traversal.SourceRange(), "%q refers to nothing", words[0])
		} else if words[0] == "var" {
			if !c.variables[words[1]] {
				c.complain(traversal.SourceRange(), "there is no variable %q", words[1])
			}
		} else if !c.declared[words[0]+"."+words[1]] {
			c.complain(traversal.SourceRange(), "there is no resource %q", words[0]+"."+words[1])
		} else if known := c.resources[words[0]]; len(words) < 3 || !slices.Contains(slices.Concat(known.Required, known.Optional, known.Exported), words[2]) {
			c.complain(traversal.SourceRange(), "%q has no such attribute", words[0])
		}
	}
}
