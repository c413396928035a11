package federation

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/beevik/etree"
	validator "github.com/mattermost/xml-roundtrip-validator"
)

const (
	nsProtocol   = "urn:oasis:names:tc:SAML:2.0:protocol"
	nsAssertion  = "urn:oasis:names:tc:SAML:2.0:assertion"
	nsMetadata   = "urn:oasis:names:tc:SAML:2.0:metadata"
	nsSignature  = "http://www.w3.org/2000/09/xmldsig#"
	nsEncryption = "http://www.w3.org/2001/04/xmlenc#"
	nsEnc11      = "http://www.w3.org/2009/xmlenc11#"

	maxXMLDepth      = 40
	maxXMLAttributes = 64
)

// parseXML reads one well-formed element. What XML parsers are known to disagree about is refused: document types and
// with them entities, processing instructions, other encodings, attributes given twice, names that do not survive being
// written and read again, and anything beside the one root.
func parseXML(doc []byte, maxElements int) (*etree.Element, error) {
	if !utf8.Valid(doc) || bytes.HasPrefix(doc, []byte("\ufeff")) || bytes.IndexByte(doc, 0) >= 0 {
		return nil, errors.New("not UTF-8 without a byte order mark")
	}
	d := xml.NewDecoder(bytes.NewReader(doc))
	depth, elements, roots := 0, 0, 0
	for first := true; ; first = false {
		token, err := d.RawToken()
		if err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.Directive:
			return nil, errors.New("document type or other directive")
		case xml.ProcInst:
			if !first || t.Target != "xml" {
				return nil, errors.New("processing instruction")
			}
		case xml.CharData:
			if depth == 0 && len(bytes.TrimSpace(t)) > 0 {
				return nil, errors.New("text outside the root element")
			}
		case xml.StartElement:
			if depth == 0 {
				roots++
			}
			depth++
			elements++
			if depth > maxXMLDepth || elements > maxElements || len(t.Attr) > maxXMLAttributes {
				return nil, errors.New("too deep, or too many elements or attributes")
			}
			seen := make(map[xml.Name]bool, len(t.Attr))
			for _, a := range t.Attr {
				if seen[a.Name] {
					return nil, fmt.Errorf("attribute %s given twice", a.Name.Local)
				}
				seen[a.Name] = true
			}
		case xml.EndElement:
			depth--
		}
		if err := validator.CheckToken(token); err != nil {
			return nil, err
		}
	}
	if roots != 1 || depth != 0 {
		return nil, fmt.Errorf("%d root elements", roots)
	}
	tree := etree.NewDocument()
	tree.ReadSettings.MaxDepth = maxXMLDepth
	if err := tree.ReadFromBytes(doc); err != nil {
		return nil, err
	}
	if tree.Root() == nil {
		return nil, errors.New("no root element")
	}
	return tree.Root(), nil
}

// is reports whether el has this name.
func is(el *etree.Element, ns, tag string) bool { return el.Tag == tag && el.NamespaceURI() == ns }

// children returns the child elements of that name.
func children(el *etree.Element, ns, tag string) []*etree.Element {
	var list []*etree.Element
	for _, c := range el.ChildElements() {
		if is(c, ns, tag) {
			list = append(list, c)
		}
	}
	return list
}

// optional returns the child of that name, or nil; two are an error.
func optional(el *etree.Element, ns, tag string) (*etree.Element, error) {
	list := children(el, ns, tag)
	if len(list) > 1 {
		return nil, fmt.Errorf("%s has %d %s", el.Tag, len(list), tag)
	}
	if len(list) == 0 {
		return nil, nil
	}
	return list[0], nil
}

// only returns the one child of that name.
func only(el *etree.Element, ns, tag string) (*etree.Element, error) {
	c, err := optional(el, ns, tag)
	if err == nil && c == nil {
		err = fmt.Errorf("%s has no %s", el.Tag, tag)
	}
	return c, err
}

// walk calls f for el and all elements below it.
func walk(el *etree.Element, f func(*etree.Element) error) error {
	if err := f(el); err != nil {
		return err
	}
	for _, c := range el.ChildElements() {
		if err := walk(c, f); err != nil {
			return err
		}
	}
	return nil
}

// text returns all of el's text, without surrounding space. etree's own Text ends at a comment: that, in a name, is
// CVE-2017-11427 and its family. Here a comment, or an element, within text is an error.
func text(el *etree.Element) (string, error) {
	var b strings.Builder
	for _, c := range el.Child {
		data, ok := c.(*etree.CharData)
		if !ok {
			return "", fmt.Errorf("%s holds something else than text", el.Tag)
		}
		b.WriteString(data.Data)
	}
	return strings.TrimSpace(b.String()), nil
}

// xmlTime reads an xs:dateTime. SAML's are in UTC; one without a zone is taken for that.
func xmlTime(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a date and time", s)
}

// timeAttr returns an attribute's time, or the zero time when there is none.
func timeAttr(el *etree.Element, name string) (time.Time, error) {
	a := el.SelectAttr(name)
	if a == nil {
		return time.Time{}, nil
	}
	t, err := xmlTime(a.Value)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s of %s: %w", name, el.Tag, err)
	}
	return t, nil
}
