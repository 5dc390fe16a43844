// Package wholefile writes files that appear whole or not at all.
//
// A file is written under another name in the same folder and renamed when it is
// complete, so a crash, a full disk or an error leaves what was there before. Only
// a regular file is ever replaced, and it keeps its mode: a rename onto a device,
// a pipe or a socket would remove it, which root may do to /dev/null.
package wholefile
