// The edge's processes as a reply says them. Pure.
#pragma once

#include <vector>

#include "model/edge_process.h"
#include "model/world.h"

namespace moln::api {

// With what Control::edge_processes() leaves open: node, versions wanted, words.
std::vector<EdgeProcessView> edge_views(const World& world, std::vector<EdgeProcessView> processes);

// What a process that drains still waits for; `view` is of edge_views().
std::string drain_words(const EdgeProcessView& view);

}  // namespace moln::api
