package command_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// clusterNode is what a Caddyfile of the example adapts to.
type clusterNode struct {
	caddy.Config
	text map[string]any // of the same
}

func readCluster(t *testing.T, name string) (n clusterNode) {
	t.Helper()
	file := filepath.Join("..", "examples", "cluster", name+".Caddyfile")
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt(source, map[string]any{"filename": file})
	if err != nil || len(warnings) > 0 {
		t.Fatalf("%s: %v, %v", name, err, warnings)
	}
	if err := json.Unmarshal(data, &n.Config); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &n.text); err != nil {
		t.Fatal(err)
	}
	if err := caddy.Validate(&n.Config); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return n
}

// each calls f with every value under key, at any depth.
func each(in any, key string, f func(any)) {
	switch in := in.(type) {
	case map[string]any:
		for name, value := range in {
			if name == key {
				f(value)
			}
			each(value, key, f)
		}
	case []any:
		for _, value := range in {
			each(value, key, f)
		}
	}
}

// texts are the values under key, and of lists all.
func texts(in any, key string) (found []string) {
	each(in, key, func(value any) {
		list, isList := value.([]any)
		if !isList {
			list = []any{value}
		}
		for _, one := range list {
			found = append(found, fmt.Sprint(one))
		}
	})
	slices.Sort(found)
	return found
}

func TestClusterExample(t *testing.T) {
	front, one, two := readCluster(t, "front"), readCluster(t, "one"), readCluster(t, "two")
	t.Run("all ports are on loopback, each once", func(t *testing.T) {
		var all []string
		for _, node := range []clusterNode{front, one, two} {
			all = append(append(all, texts(node.text["apps"], "listen")...), node.Admin.Listen)
		}
		for i, address := range all {
			host, port, err := net.SplitHostPort(strings.TrimPrefix(address, "tcp/"))
			if err != nil || host != "127.0.0.1" && host != "localhost" {
				t.Errorf("listens on %q, %v", address, err)
			}
			all[i] = port
		}
		slices.Sort(all)
		if len(slices.Compact(slices.Clone(all))) != len(all) || len(all) != 7 {
			t.Errorf("ports are %v", all)
		}
	})
	t.Run("the front asks the nodes", func(t *testing.T) {
		want := slices.Sorted(slices.Values(append(texts(one.text["apps"], "listen"), texts(two.text["apps"], "listen")...)))
		if got := texts(front.text, "dial"); !slices.Equal(got, want) {
			t.Errorf("it asks %q, want %q", got, want)
		}
	})
	t.Run("the nodes ask the site", func(t *testing.T) {
		for _, node := range []clusterNode{one, two} {
			if got := texts(node.text, "dial"); len(got) != 1 || !slices.Contains(texts(front.text["apps"], "listen"), got[0]) {
				t.Errorf("a node asks %q", got)
			}
		}
	})
	t.Run("the nodes are the same, but for their ports", func(t *testing.T) {
		a, b := one.text, two.text
		for _, node := range []map[string]any{a, b} {
			delete(node, "admin")
			each(node, "servers", func(servers any) { delete(servers.(map[string]any)["srv0"].(map[string]any), "listen") })
		}
		if !reflect.DeepEqual(a, b) {
			t.Errorf("one has\n%v\ntwo has\n%v", a, b)
		}
		if a["storage"] == nil || !slices.Equal(texts(a, "records"), []string{"postgres"}) {
			t.Errorf("a node has storage %v, records in %v", a["storage"], texts(a, "records"))
		}
	})
}
