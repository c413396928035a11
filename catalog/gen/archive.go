package main

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
)

// blockSize is how much raw text shares a compressed block: enough to give flate a full window, little enough that
// reading one entry costs well under a millisecond.
const blockSize = 64 << 10

// archive collects entries for a file that catalog.archive reads: the number of blocks; for each the compressed size, the
// number of entries and their raw sizes, all as uvarints; then the blocks.
type archive struct {
	head, body []byte
	blocks     uint64
	sizes      []int
	raw        []byte
}

func (a *archive) add(entry []byte) error {
	if len(a.raw) > 0 && len(a.raw)+len(entry) > blockSize {
		if err := a.flush(); err != nil {
			return err
		}
	}
	a.sizes = append(a.sizes, len(entry))
	a.raw = append(a.raw, entry...)
	return nil
}

func (a *archive) flush() error {
	if len(a.sizes) == 0 {
		return nil
	}
	packed, err := compress(a.raw)
	if err != nil {
		return err
	}
	a.head = binary.AppendUvarint(a.head, uint64(len(packed)))
	a.head = binary.AppendUvarint(a.head, uint64(len(a.sizes)))
	for _, n := range a.sizes {
		a.head = binary.AppendUvarint(a.head, uint64(n))
	}
	a.body = append(a.body, packed...)
	a.blocks++
	a.sizes, a.raw = nil, nil
	return nil
}

// bytes ends the archive and returns the file.
func (a *archive) bytes() ([]byte, error) {
	if err := a.flush(); err != nil {
		return nil, err
	}
	out := binary.AppendUvarint(nil, a.blocks)
	out = append(out, a.head...)
	return append(out, a.body...), nil
}

func compress(raw []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(raw); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
