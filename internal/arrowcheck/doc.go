// Package arrowcheck checks records that come from outside of the process.
//
// Arrow's arrays trust their buffers: a length, an offset or an index that points out of
// them panics when a value is read, long after the record was. Record finds it first.
package arrowcheck
