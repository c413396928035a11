package handlers

import (
	"encoding/base64"
	"strconv"

	"gatehouse/awserr"
)

// defaultPage is how many items a list answers when MaxItems is not given; the model allows 1,000 at most.
const defaultPage = 100

// page is one page of a list: what AWS answers in IsTruncated and Marker beside the items.
type page[T any] struct {
	items     []T
	truncated bool
	marker    *string
}

// list returns the page that follows marker. fetch returns at most limit items whose key comes after the one given,
// in the order of their keys; key is what the next page starts after.
func list[T any](marker *string, maxItems *int32, fetch func(after string, limit int) ([]T, error), key func(T) string) (page[T], error) {
	after, limit := "", defaultPage
	if marker != nil {
		text, err := base64.RawURLEncoding.DecodeString(*marker)
		if err != nil || len(text) < 2 || text[0] != markerVersion {
			return page[T]{}, awserr.ValidationError.Errorf("Invalid Marker.")
		}
		after = string(text[1:])
	}
	if maxItems != nil {
		limit = int(*maxItems)
	}
	items, err := fetch(after, limit+1)
	if err != nil {
		return page[T]{}, err
	}
	p := page[T]{items: items}
	if len(items) > limit {
		p.items, p.truncated = items[:limit], true
		next := base64.RawURLEncoding.EncodeToString(append([]byte{markerVersion}, key(items[limit-1])...))
		p.marker = &next
	}
	return p, nil
}

// markerVersion begins every marker, so that text that is none is told apart.
const markerVersion = 1

// paged serves lists that are in memory already, sorted by key.
func paged[T any](all []T, key func(T) string) func(after string, limit int) ([]T, error) {
	return func(after string, limit int) ([]T, error) {
		i := 0
		if after != "" {
			for i < len(all) && key(all[i]) <= after {
				i++
			}
		}
		return all[i:min(i+limit, len(all))], nil
	}
}

// listOf returns a page of a list that is in memory already and never changes: its markers count.
func listOf[T any](marker *string, maxItems *int32, all []T) (page[T], error) {
	p, err := list(marker, maxItems, func(after string, limit int) ([]int, error) {
		first := 0
		if after != "" {
			n, err := strconv.Atoi(after)
			if err != nil || n < 0 || n >= len(all) {
				return nil, awserr.ValidationError.Errorf("Invalid Marker.")
			}
			first = n + 1
		}
		var indexes []int
		for i := first; i < min(first+limit, len(all)); i++ {
			indexes = append(indexes, i)
		}
		return indexes, nil
	}, strconv.Itoa)
	out := page[T]{truncated: p.truncated, marker: p.marker}
	for _, i := range p.items {
		out.items = append(out.items, all[i])
	}
	return out, err
}
