package auth

import (
	"container/list"
	"sync"

	"gatehouse/policy"
)

// maxDocuments and maxDocumentBytes bound what is kept of parsed documents.
const (
	maxDocuments     = 8192
	maxDocumentBytes = 32 << 20
)

// documents keeps parsed policy documents by their text; the one that was not used for longest makes room.
type documents struct {
	mu    sync.Mutex
	by    map[string]*list.Element
	order list.List // of *document, latest use first
	bytes int
}

type document struct {
	text   string
	parsed *policy.Document // nil when the text can't be read
}

// parse returns the document with a text, nil when it can't be read: a Policy without a document denies everything.
func (d *documents) parse(text string) *policy.Document {
	d.mu.Lock()
	if e, ok := d.by[text]; ok {
		d.order.MoveToFront(e)
		d.mu.Unlock()
		return e.Value.(*document).parsed
	}
	d.mu.Unlock()
	parsed, err := policy.Parse(text)
	if err != nil {
		parsed = nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.by[text]; ok || len(text) > maxDocumentBytes {
		return parsed
	}
	if d.by == nil {
		d.by = make(map[string]*list.Element)
	}
	d.by[text] = d.order.PushFront(&document{text, parsed})
	d.bytes += len(text)
	for d.order.Len() > maxDocuments || d.bytes > maxDocumentBytes {
		last := d.order.Remove(d.order.Back()).(*document)
		delete(d.by, last.text)
		d.bytes -= len(last.text)
	}
	return parsed
}
