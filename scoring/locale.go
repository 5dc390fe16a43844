package scoring

// #include <locale.h>
// #include <stdlib.h>
// static void keep_locale(const char *name) { newlocale(LC_ALL_MASK, name, (locale_t)0); }
import "C"

import "unsafe"

// defaultLocale is the one of a StringNormalizer that names none, on Linux.
const defaultLocale = "en_US.UTF-8"

// locale returns the locale that a StringNormalizer uses.
func (n *node) locale() string {
	if attrs, err := n.attributes(); err == nil && attrs["locale"].text != "" {
		return attrs["locale"].text
	}
	return defaultLocale
}

// keepLocale loads a locale into memory, if there is one of that name. C finds it there
// later, when the process may open no files any more.
func keepLocale(name string) {
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	C.keep_locale(text)
}
