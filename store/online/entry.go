package online

import (
	"encoding/binary"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// raised marks an entry whose version isn't its event time.
const raised byte = 1

const eventTimeBytes = 8

// version is the version of a row with that event time, as doc.go describes.
func version(eventTime int64) uint64 { return uint64(eventTime) ^ 1<<63 }

// appendRaised lays out the value of an entry whose version was raised.
func appendRaised(dst, row []byte, eventTime int64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, row...), uint64(eventTime))
}

// parseEntry splits an entry. row aliases value.
func parseEntry(item *badger.Item, value []byte) (row []byte, eventTime int64, err error) {
	switch item.UserMeta() {
	case 0:
		return value, int64(item.Version() ^ 1<<63), nil
	case raised:
		if n := len(value) - eventTimeBytes; n >= 0 {
			return value[:n:n], int64(binary.BigEndian.Uint64(value[n:])), nil
		}
	}
	return nil, 0, fmt.Errorf("the entry of key %x has user meta %d and %d bytes", item.Key(), item.UserMeta(), len(value))
}

// eventTimeOf returns the event time of an item. It reads the row only if necessary.
func eventTimeOf(item *badger.Item) (int64, error) {
	if item.UserMeta() == 0 {
		return int64(item.Version() ^ 1<<63), nil
	}
	_, eventTime, err := readItem(item)
	return eventTime, err
}
