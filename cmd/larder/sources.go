package main

import (
	"os"

	"larder/control/models"
	"larder/models/folder"
	"larder/models/mlflow"
)

// openSources opens where versions of models come from by themselves. Credentials
// for MLflow come from the variables that its own clients read.
func openSources(cfg settings) (models.VersionSources, error) {
	sources := models.VersionSources{Every: cfg.ModelPoll}
	var err error
	if cfg.MLflow != "" {
		sources.MLflow, err = mlflow.New(cfg.MLflow, mlflow.Credentials{
			Username: os.Getenv("MLFLOW_TRACKING_USERNAME"), Password: os.Getenv("MLFLOW_TRACKING_PASSWORD"), Token: os.Getenv("MLFLOW_TRACKING_TOKEN"),
		})
		if err != nil {
			return sources, err
		}
	}
	if cfg.Repository != "" {
		sources.Repository, err = folder.Open(cfg.Repository)
	}
	return sources, err
}
