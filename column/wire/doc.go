// Package wire has columns as messages of larder.v1.
package wire
