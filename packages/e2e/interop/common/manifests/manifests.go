// Package manifests reads a folder of Kubernetes manifests.
package manifests

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"sigs.k8s.io/yaml"
)

var separator = regexp.MustCompile(`(?m)^---\s*$`)

// Read gives every object of the folder's .yaml files, in the order of their names.
func Read(dir string) ([]map[string]any, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	objects := []map[string]any{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, document := range separator.Split(string(text), -1) {
			if strings.TrimSpace(document) == "" {
				continue
			}
			object := map[string]any{}
			if err := yaml.Unmarshal([]byte(document), &object); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			objects = append(objects, object)
		}
	}
	if len(objects) == 0 {
		return nil, fmt.Errorf("no manifest in %s", dir)
	}
	return objects, nil
}
