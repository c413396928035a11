package sigv4

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"net/http"
	"strconv"
	"unicode/utf8"
)

// IDs are the identifiers that an answer carries, as the server made them up.
type IDs struct {
	Request string // x-amzn-RequestId, x-amz-request-id
	Host    string // S3's x-amz-id-2
}

// Response is an answer, ready to be sent. The body of an answer to HEAD is not sent.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Response renders the refusal in the shape of a protocol family, most usually that of e.Service.
func (e *Error) Response(family Family, ids IDs) Response {
	status, code, message, fields := e.Answer(family)
	return Document(e.Service, family, ids, status, code, message, fields...)
}

// Document renders an error of a service in the shape of a protocol family. Without a code it is a status alone.
func Document(s Service, family Family, ids IDs, status int, code, message string, fields ...Field) Response {
	r := Response{Status: status, Header: http.Header{}}
	if family == S3 {
		r.Header.Set("X-Amz-Request-Id", ids.Request)
		r.Header.Set("X-Amz-Id-2", ids.Host)
	} else {
		r.Header.Set("X-Amzn-Requestid", ids.Request)
	}
	if code == "" {
		return r
	}
	var b bytes.Buffer
	kind := "text/xml"
	switch family {
	case JSON10, JSON11:
		kind = "application/x-amz-" + family.String()
		if s.Coral {
			code = "com.amazon.coral.service#" + code
		}
		writeJSON(&b, struct {
			Type    string `json:"__type"`
			Message string `json:"message"`
		}{code, message})
		if s.Name == "dynamodb" { // its SDKs check the sum
			r.Header.Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(b.Bytes())), 10))
		}
	case RESTJSON:
		kind = "application/json"
		r.Header.Set("X-Amzn-Errortype", code)
		writeJSON(&b, struct {
			Message string `json:"message"`
		}{message})
	case CBOR:
		kind = "application/cbor"
		r.Header.Set("Smithy-Protocol", "rpc-v2-cbor") // clients refuse an answer without it
		b.WriteByte(0xa2)                              // a map of two
		for _, text := range []string{"__type", code, "message", message} {
			cborText(&b, text)
		}
	case S3:
		kind = "application/xml"
		b.WriteString(xmlHeader + "<Error>")
		element(&b, "Code", code)
		element(&b, "Message", message)
		for _, f := range fields {
			element(&b, f.Name, f.Value)
		}
		element(&b, "RequestId", ids.Request)
		element(&b, "HostId", ids.Host)
		b.WriteString("</Error>")
	case EC2:
		kind = "text/xml;charset=UTF-8"
		b.WriteString(xmlHeader + "<Response><Errors><Error>")
		element(&b, "Code", code)
		element(&b, "Message", message)
		b.WriteString("</Error></Errors>")
		element(&b, "RequestID", ids.Request)
		b.WriteString("</Response>")
	default:
		b.WriteString("<ErrorResponse")
		if s.Namespace != "" {
			b.WriteString(` xmlns="` + s.Namespace + `"`)
		}
		if status >= http.StatusInternalServerError {
			b.WriteString("><Error><Type>Receiver</Type>")
		} else {
			b.WriteString("><Error><Type>Sender</Type>")
		}
		element(&b, "Code", code)
		element(&b, "Message", message)
		b.WriteString("</Error>")
		element(&b, "RequestId", ids.Request)
		b.WriteString("</ErrorResponse>")
	}
	r.Body = b.Bytes()
	r.Header.Set("Content-Type", kind)
	return r
}

const xmlHeader = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// cborText writes a string as RFC 8949, section 3.1, has it: major type 3, and the length in as few bytes as will do.
func cborText(b *bytes.Buffer, s string) {
	const text = 3 << 5
	switch n := len(s); {
	case n < 24:
		b.WriteByte(text | byte(n))
	case n < 1<<8:
		b.Write([]byte{text | 24, byte(n)})
	case n < 1<<16:
		b.Write(binary.BigEndian.AppendUint16([]byte{text | 25}, uint16(n)))
	default:
		b.Write(binary.BigEndian.AppendUint32([]byte{text | 26}, uint32(n)))
	}
	b.WriteString(s)
}

func writeJSON(b *bytes.Buffer, v any) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // structs of strings always encode
	b.Truncate(b.Len() - 1)
}

// element writes an element with text. Line ends stay as they are, so that a canonical request can be read in the answer;
// characters that XML cannot hold become U+FFFD.
func element(b *bytes.Buffer, name, text string) {
	b.WriteString("<" + name + ">")
	for _, c := range text {
		switch {
		case c == '&':
			b.WriteString("&amp;")
		case c == '<':
			b.WriteString("&lt;")
		case c == '>':
			b.WriteString("&gt;")
		case c == '\r':
			b.WriteString("&#13;") // a bare one would be read back as a line feed
		case c < 0x20 && c != '\n' && c != '\t', c == 0xFFFE, c == 0xFFFF:
			b.WriteRune(utf8.RuneError)
		default:
			b.WriteRune(c)
		}
	}
	b.WriteString("</" + name + ">")
}
