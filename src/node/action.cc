#include "node/action.h"

#include <fmt/format.h>

namespace moln::node {
namespace {

template <class... F>
struct Overloaded : F... {
    using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace

InstanceId instance_of(const Action& action) {
    return std::visit(Overloaded{
                          [](const Prepare& a) { return a.work->instance.id; },
                          [](const auto& a) {
                              if constexpr (requires { a.instance; }) {
                                  return a.instance;
                              } else {
                                  return InstanceId();
                              }
                          },
                      },
                      action);
}

std::string key_of(const Action& action) {
    if (const auto instance = instance_of(action); !instance.empty()) {
        return "instance/" + instance.text;
    }
    return std::visit(Overloaded{
                          [](const CreateVolume& a) { return "volume/" + a.volume.id.text; },
                          [](const RestoreVolume& a) { return "volume/" + a.volume.text; },
                          [](const TrashVolume& a) { return "volume/" + a.volume.text; },
                          [](const TrashImage& a) { return "trash/" + a.trash.text; },
                          [](const RestoreImage& a) { return "trash/" + a.trash.text; },
                          [](const PurgeTrash& a) { return "trash/" + a.trash.text; },
                          [](const auto&) { return std::string(); },
                      },
                      action);
}

std::string describe(const Action& action) {
    return std::visit(
        Overloaded{
            [](const CreateVolume& a) { return "create volume " + a.volume.id.text; },
            [](const RestoreVolume& a) {
                return fmt::format("bring {} back from {}", a.volume.text, a.trash.text);
            },
            [](const TrashVolume& a) {
                return fmt::format("move {} to {}", a.volume.text, a.trash.text);
            },
            [](const TrashImage& a) {
                return fmt::format("move {} image layers to {}", a.layers.size(), a.trash.text);
            },
            [](const RestoreImage& a) { return "bring image layers back from " + a.trash.text; },
            [](const PurgeTrash& a) { return "purge " + a.trash.text; },
            [](const Inspect& a) { return "inspect " + a.instance.text; },
            [](const Prepare& a) { return "prepare " + a.work->instance.id.text; },
            [](const Start& a) { return "start " + a.instance.text; },
            [](const Signal& a) { return fmt::format("signal {} {}", a.instance.text, a.signal); },
            [](const Kill& a) { return "kill " + a.instance.text; },
            [](const Remove& a) {
                return fmt::format("remove {} to {}", a.instance.text, a.trash.text);
            },
        },
        action);
}

}  // namespace moln::node
