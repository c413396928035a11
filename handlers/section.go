package handlers

import "gatehouse/awserr"

// fetcher returns at most limit items whose key comes after the one given, in the order of their keys.
type fetcher[T any] func(after string, limit int) ([]T, error)

// placed is an item of a list of several sections. Its key says which section, and where in it.
type placed[T any] struct {
	key  string
	item T
}

func (p placed[T]) Key() string { return p.key }

// sections fetches the items of several lists one after the other; nil ones are passed over. key is that of an item
// within its own list.
func sections[T any](key func(T) string, lists ...fetcher[T]) fetcher[placed[T]] {
	return func(after string, limit int) ([]placed[T], error) {
		first := 0
		if after != "" {
			first = int(after[0]) - 'a'
			if first < 0 || first >= len(lists) {
				return nil, awserr.ValidationError.Errorf("Invalid Marker.")
			}
			after = after[1:]
		}
		var out []placed[T]
		for i := first; i < len(lists) && len(out) < limit; i++ {
			if lists[i] != nil {
				items, err := lists[i](after, limit-len(out))
				if err != nil {
					return nil, err
				}
				for _, item := range items {
					out = append(out, placed[T]{string(rune('a'+i)) + key(item), item})
				}
			}
			after = ""
		}
		return out, nil
	}
}

// keeping fetches those items that keep reports true for.
func keeping[T any](fetch fetcher[T], key func(T) string, keep func(T) bool) fetcher[T] {
	return func(after string, limit int) ([]T, error) {
		var out []T
		for {
			items, err := fetch(after, limit)
			if err != nil {
				return nil, err
			}
			for _, item := range items {
				if keep(item) {
					if out = append(out, item); len(out) == limit {
						return out, nil
					}
				}
			}
			if len(items) < limit {
				return out, nil
			}
			after = key(items[len(items)-1])
		}
	}
}

// as makes the items of a list items of another type.
func as[T, U any](fetch fetcher[T], convert func(T) U) fetcher[U] {
	return func(after string, limit int) ([]U, error) {
		items, err := fetch(after, limit)
		out := make([]U, 0, len(items))
		for _, item := range items {
			out = append(out, convert(item))
		}
		return out, err
	}
}
