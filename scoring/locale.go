package scoring

// #include <locale.h>
// #include <stdlib.h>
// static int keep_locale(const char *name) { return newlocale(LC_ALL_MASK, name, (locale_t)0) != (locale_t)0; }
import "C"

import (
	"strings"
	"unsafe"

	"larder/schema"
)

// defaultLocale is the one of a StringNormalizer that names none, on Linux.
const defaultLocale = "en_US.UTF-8"

// locale returns the locale that a StringNormalizer uses.
func (n *node) locale() string {
	if attrs, err := n.attributes(); err == nil && attrs["locale"].text != "" {
		return attrs["locale"].text
	}
	return defaultLocale
}

// keepLocales loads locales into memory and returns those that the machine doesn't have.
// C finds the others there later, when the process may open no files any more.
func keepLocales(names []string) (missing []string) {
	for _, name := range names {
		if !keepLocale(name) {
			missing = append(missing, name)
		}
	}
	return missing
}

func keepLocale(name string) bool {
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	return C.keep_locale(text) != 0
}

// localeError says which locale is missing if that is why a model could not be loaded. It
// returns any other error as it is.
func localeError(err error, missing []string) error {
	if err == nil {
		return nil
	}
	const ofC = "_S_create_c_locale name not valid" // the end of ONNX Runtime's text, which is cut
	for _, name := range missing {
		if strings.Contains(err.Error(), "locale with name:"+name) || strings.Contains(err.Error(), ofC) {
			return schema.LocaleMissing.Errorf("the model changes or compares text in the locale %q (operator StringNormalizer), which this machine doesn't have; "+
				"install it (on Debian, apt-get install locales-all installs every locale; apt-get install locales has locale-gen, which makes single ones), "+
				"or export the model with a locale that the machine has, such as C.UTF-8", printable(name))
		}
	}
	return err
}
