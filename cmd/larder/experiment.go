package main

import "larder/experiment"

// metricTitle returns a metric's name as a person writes it.
func metricTitle(metric string) string {
	switch metric {
	case experiment.AUC:
		return "AUC"
	case experiment.LogLoss:
		return "log loss"
	case experiment.Brier:
		return "Brier"
	}
	return metric
}
