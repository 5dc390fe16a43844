package main

import (
	"strconv"
	"strings"

	larderv1 "larder/api/larder/v1"
	"larder/column"
	"larder/column/wire"
)

// maxOutputColumns is how many values of an output get a column each.
const maxOutputColumns = 10

// outputHeads returns the heads of an output's columns: its name, with a class for each
// value of a row, or an index where the model names no classes.
func outputHeads(o *larderv1.Output) []string {
	name := strings.ReplaceAll(o.GetValues().GetName(), " ", "_")
	width := outputWidth(o)
	if len(o.GetShape()) == 0 || width > maxOutputColumns {
		return []string{name}
	}
	heads := make([]string, width)
	for i := range heads {
		class := strconv.Itoa(i)
		if len(o.GetShape()) == 1 && len(o.GetClasses()) == width {
			class = strings.ReplaceAll(o.GetClasses()[i], " ", "_")
		}
		heads[i] = name + "[" + class + "]"
	}
	return heads
}

// outputTexts returns the values of a row: each in a text, or all of a wide row in one.
func outputTexts(o *larderv1.Output, row int) []string {
	values, width := wire.Column(o.GetValues()), outputWidth(o)
	texts := make([]string, 0, width)
	for i := range min(width, maxOutputColumns) {
		texts = append(texts, elementText(&values, row*width+i))
	}
	if width > maxOutputColumns {
		return []string{"[" + strings.Join(texts, ", ") + ", ...]"}
	}
	return texts
}

func elementText(values *column.Column, i int) string {
	text := string(values.AppendJSON(nil, i))
	return strings.Trim(text, `"`)
}

// outputWidth returns how many values of an output a row has.
func outputWidth(o *larderv1.Output) int {
	n := 1
	for _, d := range o.GetShape() {
		n *= int(d)
	}
	return n
}

// shapeTexts describes the outputs of a model.
func shapeTexts(outputs []*larderv1.OutputShape) string {
	texts := make([]string, len(outputs))
	for i, o := range outputs {
		texts[i] = shapeText(o)
	}
	return strings.Join(texts, ", ")
}

// shapeText describes an output in a few letters: probabilities float32[no, yes].
func shapeText(o *larderv1.OutputShape) string {
	text := o.GetName() + " " + o.GetType()
	if classes := o.GetClasses(); len(classes) > 0 && len(classes) <= maxOutputColumns {
		return text + "[" + strings.Join(classes, ", ") + "]"
	}
	if len(o.GetShape()) == 0 {
		return text
	}
	dims := make([]string, len(o.GetShape()))
	for i, d := range o.GetShape() {
		dims[i] = strconv.Itoa(int(d))
	}
	return text + "[" + strings.Join(dims, ", ") + "]"
}
