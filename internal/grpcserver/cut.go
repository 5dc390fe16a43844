package grpcserver

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"google.golang.org/grpc/status"
)

// maxErrorBytes bounds what an error takes in the headers of a gRPC answer. Clients take
// 8 KiB of headers unless they are told otherwise, and drop an answer with more.
const maxErrorBytes = 6 << 10

// cutMessage returns a message as valid UTF-8 that fits the headers of an answer. It says
// how much it left out.
func cutMessage(message string) string {
	message = strings.ToValidUTF8(message, "?")
	if headerBytes(message) <= maxErrorBytes {
		return message
	}
	const room = 64 // for the note
	size, end := 0, 0
	for i, r := range message {
		if size += headerBytesOf(r); size > maxErrorBytes-room {
			break
		}
		end = i + utf8.RuneLen(r)
	}
	return fmt.Sprintf("%s... (%d bytes more)", message[:end], len(message)-end)
}

// headerBytes returns how many bytes a message takes: once with what is not ASCII escaped
// as %XX, and once in base64 among the details.
func headerBytes(message string) int {
	size := 0
	for _, r := range message {
		size += headerBytesOf(r)
	}
	return size
}

func headerBytesOf(r rune) int {
	n := utf8.RuneLen(r)
	encoded := (4*n + 2) / 3
	if r < ' ' || r > '~' || r == '%' {
		return 3*n + encoded
	}
	return n + encoded
}

// cutStatus cuts the message of a status that a handler made itself.
func cutStatus(st *status.Status) *status.Status {
	p := st.Proto()
	p.Message = cutMessage(p.GetMessage())
	return status.FromProto(p)
}
