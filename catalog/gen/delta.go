package main

import (
	"encoding/binary"
)

// delta returns the edits that turn from into to: repeated (length of new text, new text, start of the copied text counted
// from the end of the copy before, its length), the start as a varint and the lengths as uvarints.
//
// Documents are cut after commas and brackets, so that an action or a resource is the unit that is kept or replaced.
func delta(from, to string) []byte {
	a, b := cut(from), cut(to)
	at := make(map[string][]int, len(a))
	for i, s := range a {
		at[s] = append(at[s], i)
	}
	offset := make([]int, len(a)+1)
	for i, s := range a {
		offset[i+1] = offset[i] + len(s)
	}
	var out, text []byte
	end, next := 0, 0 // the byte and the token that follow the last copy
	for i := 0; i < len(b); {
		best, bestLen := 0, 0
		try := func(j int) {
			n := 0
			for i+n < len(b) && j+n < len(a) && a[j+n] == b[i+n] {
				n++
			}
			if n > bestLen {
				best, bestLen = j, n
			}
		}
		if next < len(a) {
			try(next) // the cheapest to write
		}
		// A token such as `"Effect":"Allow",` occurs everywhere; those nearest to where the last copy ended are tried.
		candidates := at[b[i]]
		for k, tries := nearest(candidates, next), 0; k < len(candidates) && tries < 64; k, tries = k+1, tries+1 {
			try(candidates[k])
		}
		size := offset[best+bestLen] - offset[best]
		if size < 8 { // cheaper as new text
			text = append(text, b[i]...)
			i++
			continue
		}
		out = binary.AppendUvarint(out, uint64(len(text)))
		out = append(out, text...)
		out = binary.AppendVarint(out, int64(offset[best]-end))
		out = binary.AppendUvarint(out, uint64(size))
		text = text[:0]
		end, next = offset[best]+size, best+bestLen
		i += bestLen
	}
	if len(text) > 0 {
		out = binary.AppendUvarint(out, uint64(len(text)))
		out = append(out, text...)
		out = binary.AppendVarint(out, 0)
		out = binary.AppendUvarint(out, 0)
	}
	return out
}

// nearest returns the place in the sorted list from which to search around i.
func nearest(list []int, i int) int {
	k := 0
	for k < len(list) && list[k] < i {
		k++
	}
	return max(0, k-16)
}

func cut(s string) []string {
	var out []string
	start := 0
	for i := range len(s) {
		switch s[i] {
		case ',', '[', '{', ']', '}':
			out = append(out, s[start:i+1])
			start = i + 1
		}
	}
	if start < len(s) {
		out = append(out, s[start:])
	}
	return out
}
