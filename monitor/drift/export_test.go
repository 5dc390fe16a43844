package drift

// ChiSquareAbove is the chance of a chi-square above a statistic.
func ChiSquareAbove(statistic float64, degrees int) float64 {
	return upperGamma(float64(degrees)/2, statistic/2)
}
