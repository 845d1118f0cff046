// The options that say where the edge's spans go: the same for a node and for the edge alone.
#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "model/trace_export.h"

namespace moln {

// What is not given keeps its value.
void add_trace_export(CLI::App& app, TraceExport& traces);

// The arguments that give another process the same, wherever it runs; none without a collector.
std::vector<std::string> trace_export_arguments(const TraceExport& traces);

}  // namespace moln
