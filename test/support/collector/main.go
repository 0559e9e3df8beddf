// A collector for tests: OpenTelemetry's own receivers for OTLP and syslog, and an exporter that has written what it got before anybody is answered.
package main

import (
	"context"
	"log"
	"os"

	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/syslogreceiver"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry"
)

type config struct {
	Path string `mapstructure:"path"`
}

type keeper struct {
	component.StartFunc
	component.ShutdownFunc
	consumer.Logs
}

func keep(_ context.Context, _ exporter.Settings, given component.Config) (exporter.Logs, error) {
	file, err := os.OpenFile(given.(*config).Path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	logs, err := consumer.NewLogs(func(_ context.Context, batch plog.Logs) error {
		line, err := (&plog.JSONMarshaler{}).MarshalLogs(batch)
		if err != nil {
			return err
		}
		_, err = file.Write(append(line, '\n'))
		return err
	})
	return &keeper{Logs: logs}, err
}

func factories() (otelcol.Factories, error) {
	receivers, err := otelcol.MakeFactoryMap[receiver.Factory](otlpreceiver.NewFactory(), syslogreceiver.NewFactory())
	if err != nil {
		return otelcol.Factories{}, err
	}
	exporters, err := otelcol.MakeFactoryMap[exporter.Factory](exporter.NewFactory(
		component.MustNewType("keep"),
		func() component.Config { return &config{} },
		exporter.WithLogs(keep, component.StabilityLevelStable),
	))
	silent := telemetry.NewFactory(func() component.Config { return &struct{}{} })
	return otelcol.Factories{Receivers: receivers, Exporters: exporters, Telemetry: silent}, err
}

func main() {
	command := otelcol.NewCommand(otelcol.CollectorSettings{
		BuildInfo: component.BuildInfo{Command: "collector", Version: "1"},
		Factories: factories,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			ProviderFactories: []confmap.ProviderFactory{fileprovider.NewFactory()},
			DefaultScheme:     "file",
		}},
	})
	if err := command.Execute(); err != nil {
		log.Fatal(err)
	}
}
