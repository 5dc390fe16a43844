package main

import "testing"

func TestGoTextShortensLongLists(t *testing.T) {
	f := func(n int, want string) {
		t.Helper()
		list := make([]any, n)
		for i := range list {
			list[i] = float32(i) / 2
		}
		if got := goText(list); got != want {
			t.Errorf("%d elements: %s, want %s", n, got, want)
		}
	}
	f(0, "[]")
	f(2, "[0, 0.5]")
	f(16, "[0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5, 6, 6.5, 7, 7.5]")
	f(17, "[0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, ... 17 in all]")
}
