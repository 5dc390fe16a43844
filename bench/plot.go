package bench

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// The size of a plot and of the room for its axes, in pixels.
const (
	plotWidth, plotHeight         = 640, 400
	plotLeft, plotRight           = 70, 130
	plotTop, plotBottom           = 30, 50
	lowestMicros, highestDecades  = 10.0, 4 // the vertical axis: 10 µs to 100 ms
	lowestRows, highestRowDecades = 1.0, 3  // the horizontal one: 1 to 1,000 rows
)

// A curve is one line of a plot.
type curve struct {
	name, color string
	value       func(*Report) float64
}

// plotRows plots latencies against the rows of a request, of the reports that differ
// from the first in nothing else, both axes logarithmic, as SVG.
func plotRows(reports []*Report) string {
	var points []*Report
	for _, r := range reports {
		one := r.Scenario
		one.Rows = reports[0].Scenario.Rows
		if one == reports[0].Scenario {
			points = append(points, r)
		}
	}
	curves := []curve{
		{"Larder, p99", "#c0392b", func(r *Report) float64 { return r.Larder.P99 }},
		{"Larder, p50", "#e67e22", func(r *Report) float64 { return r.Larder.P50 }},
		{"echo, p99", "#2c3e50", func(r *Report) float64 { return r.Echo.P99 }},
		{"echo, p50", "#7f8c8d", func(r *Report) float64 { return r.Echo.P50 }},
	}
	var out strings.Builder
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", plotWidth, plotHeight)
	fmt.Fprintf(&out, `<rect width="%d" height="%d" fill="white"/>`+"\n", plotWidth, plotHeight)
	fmt.Fprintf(&out, `<text x="%d" y="18">%s</text>`+"\n", plotLeft, "µs of a request, by its rows: "+html.EscapeString(what(points)))
	axes(&out)
	for i, c := range curves {
		c.draw(&out, points)
		y := plotTop + 20 + 20*i
		fmt.Fprintf(&out, `<rect x="%d" y="%d" width="14" height="4" fill="%s"/><text x="%d" y="%d">%s</text>`+"\n", plotWidth-plotRight+15, y-6, c.color, plotWidth-plotRight+35, y, c.name)
	}
	out.WriteString("</svg>\n")
	return out.String()
}

func what(points []*Report) string {
	s := points[0].Scenario
	return fmt.Sprintf("%d features of %d views, %s", s.Views*s.Features, s.Views, s.Model)
}

// axes draws the lines of the decades and what they are.
func axes(out *strings.Builder) {
	for d := range highestDecades + 1 {
		micros := lowestMicros * math.Pow(10, float64(d))
		y := plotY(micros)
		fmt.Fprintf(out, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#dddddd"/><text x="%d" y="%.1f" text-anchor="end">%.0f</text>`+"\n",
			plotLeft, plotWidth-plotRight, y, y, plotLeft-8, y+4, micros)
	}
	for d := range highestRowDecades + 1 {
		rows := lowestRows * math.Pow(10, float64(d))
		x := plotX(rows)
		fmt.Fprintf(out, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="#dddddd"/><text x="%.1f" y="%d" text-anchor="middle">%.0f</text>`+"\n",
			x, x, plotTop, plotHeight-plotBottom, x, plotHeight-plotBottom+20, rows)
	}
}

func plotX(rows float64) float64 {
	return plotLeft + (plotWidth-plotLeft-plotRight)*math.Log10(rows/lowestRows)/highestRowDecades
}

func plotY(micros float64) float64 {
	return plotHeight - plotBottom - (plotHeight-plotTop-plotBottom)*math.Log10(max(micros, lowestMicros)/lowestMicros)/highestDecades
}

func (c curve) draw(out *strings.Builder, points []*Report) {
	var line []string
	for _, r := range points {
		x, y := plotX(float64(r.Scenario.Rows)), plotY(c.value(r))
		line = append(line, fmt.Sprintf("%.1f,%.1f", x, y))
		fmt.Fprintf(out, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x, y, c.color)
	}
	fmt.Fprintf(out, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(line, " "), c.color)
}
