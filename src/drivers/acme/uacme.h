// One run of uacme(1), the ACME client, in a folder of its own that goes with it. It asks its hook
// about every challenge; ours tells of the wanted one and waits for the word to go on, so that a
// run comes in two halves. Not which words: see real_acme.h.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "base/secret.h"
#include "base/units.h"
#include "drivers/acme/uacme_output.h"
#include "io/file/fd.h"
#include "model/acme.h"

namespace moln {

struct UacmeSettings {
    std::string folder;     // made with mode 0700; what is there already goes
    std::string directory;  // URL
    std::string ca_bundle;  // PEM; "" the system's
    Secret account_key;     // PEM
    ChallengeKind challenge = ChallengeKind::http_01;  // that the hook takes
    const std::atomic<bool>* cancelled = nullptr;      // set: what runs is to end soon
    std::string program = "uacme";                     // another for tests
};

class Uacme {
public:
    // Folder, account key and hook, all for the owner alone.
    static Result<std::unique_ptr<Uacme>> prepare(UacmeSettings settings);
    ~Uacme();  // kills what still runs, and removes the folder
    Uacme(const Uacme&) = delete;
    Uacme& operator=(const Uacme&) = delete;

    // A file of the folder.
    std::string path(const std::string& name) const { return settings_.folder + "/" + name; }

    // Runs it with these words behind the common options; `not_found` without the program.
    Status start(const std::vector<std::string>& words);

    // Reads on until the hook waits (an offer) or the program has ended (none). `timeout` after
    // `limit`: it is killed.
    Result<std::optional<OfferedChallenge>> run(Milliseconds limit);
    // The word that the hook waits for. If the program has ended meanwhile, run() tells what it
    // said.
    void answer(bool look);

    // Of the program that has ended.
    bool succeeded() const { return exit_code_ == 0; }
    const std::string& output() const { return output_; }

private:
    explicit Uacme(UacmeSettings settings) : settings_(std::move(settings)) {}
    std::optional<OfferedChallenge> take_lines();
    void reap();
    void kill();

    UacmeSettings settings_;
    pid_t pid_ = -1;
    Fd out_;
    // The hook reads its word from the program's stdin, of which only we have the other end: if we
    // are killed there is nothing more to wait for.
    Fd answers_;
    std::string output_;
    std::size_t looked_ = 0;  // lines of the output up to here were looked at
    int exit_code_ = -1;
};

}  // namespace moln
