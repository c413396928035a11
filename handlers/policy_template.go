package handlers

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"gatehouse/lazy"
)

// placeholder is where a template has the value of a parameter.
var placeholder = lazy.Regexp(`@\{([\w -]+)\}`)

// fillText puts the values of parameters in the place of the placeholders of a text. Several values are joined by commas.
func fillText(text string, values map[string][]string) (string, error) {
	var missing string
	filled := placeholder().ReplaceAllStringFunc(text, func(m string) string {
		name := m[2 : len(m)-1]
		v, ok := values[name]
		if !ok {
			missing = name
		}
		return strings.Join(v, ",")
	})
	if missing != "" {
		return "", fmt.Errorf("parameter %s has no value", missing)
	}
	return filled, nil
}

// fillDocument fills the placeholders in the strings of a JSON document. A string that is a placeholder and nothing else
// becomes a list when it has several values. Values can't break out of the string that they stand in.
func fillDocument(text string, values map[string][]string) (string, error) {
	if !placeholder().MatchString(text) {
		return text, nil
	}
	var document any
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		return "", fmt.Errorf("template: %w", err)
	}
	document, err := fillValue(document, values)
	if err != nil {
		return "", err
	}
	filled, err := json.Marshal(document)
	return string(filled), err
}

func fillValue(v any, values map[string][]string) (any, error) {
	switch v := v.(type) {
	case string:
		if m := placeholder().FindStringSubmatch(v); m != nil && m[0] == v && len(values[m[1]]) > 1 {
			return values[m[1]], nil
		}
		return fillText(v, values)
	case []any:
		out := make([]any, 0, len(v))
		for _, item := range v {
			filled, err := fillValue(item, values)
			if err != nil {
				return nil, err
			}
			if list, ok := filled.([]string); ok {
				for _, s := range list {
					out = append(out, s)
				}
				continue
			}
			out = append(out, filled)
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			name, err := fillText(key, values)
			if err != nil {
				return nil, err
			}
			if out[name], err = fillValue(item, values); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return v, nil
}

// placeholders returns the names of the parameters that texts ask for, each once.
func placeholders(texts ...string) []string {
	var names []string
	for _, text := range texts {
		for _, m := range placeholder().FindAllStringSubmatch(text, -1) {
			names = append(names, m[1])
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
