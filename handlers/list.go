package handlers

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"

	"gatehouse/awserr"
	"gatehouse/store"
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
		switch {
		case err == nil && len(text) > 1 && text[0] == markerVersion:
			after = string(text[1:])
		case err == nil && len(text) > 1+sha256.Size && text[0] == longMarkerVersion:
			if after, err = seek([sha256.Size]byte(text[1:]), string(text[1+sha256.Size:]), fetch, key); err != nil {
				return page[T]{}, err
			}
		default:
			return page[T]{}, awserr.ValidationError.Errorf("Invalid Marker.")
		}
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
		next := markerBehind(key(items[limit-1]))
		p.marker = &next
	}
	return p, nil
}

const (
	// markerVersion begins every marker, so that text that is none is told apart.
	markerVersion = 1
	// longMarkerVersion begins those of keys that are too long to be in one: the hash of the key follows, and its beginning.
	longMarkerVersion = 2
	// maxMarkerBytes is what fits into the 320 characters that the model lets a Marker have.
	maxMarkerBytes = 320 / 4 * 3
)

// markerBehind returns the marker of the page behind a key. A path and a name can be 640 bytes long.
func markerBehind(key string) string {
	text := append([]byte{markerVersion}, key...)
	if len(text) > maxMarkerBytes {
		sum := sha256.Sum256([]byte(key))
		text = append([]byte{longMarkerVersion}, sum[:]...)
		text = append(text, key[:maxMarkerBytes-len(text)]...)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// seek returns the key that has the hash of a long marker, which comes after the beginning that the marker holds. When the
// item is gone it is that beginning: some that were on the page before are listed again, and none is left out.
func seek[T any](sum [sha256.Size]byte, beginning string, fetch fetcher[T], key func(T) string) (string, error) {
	for after := beginning; ; {
		items, err := fetch(after, store.MaxPage)
		if err != nil {
			return "", err
		}
		if len(items) == 0 {
			return beginning, nil
		}
		for _, item := range items {
			after = key(item)
			if sha256.Sum256([]byte(after)) == sum {
				return after, nil
			}
			if len(after) < len(beginning) || !strings.EqualFold(after[:len(beginning)], beginning) {
				return beginning, nil // what begins so stands together: nobody makes the server read on to the end
			}
		}
	}
}

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
