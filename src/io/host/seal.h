// Encryption of secrets at rest: XChaCha20-Poly1305 (libsodium) under one key of the node, which
// lies in a file of mode 0600. A sealed text is bound to its context (the app and the name): moved
// to another place it does not open.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace moln {

// What the edge may open: the private keys of certificates, not the apps' secrets.
inline constexpr std::string_view k_seal_certificates = "certificates";

// Of a process that has opened keys in its memory: when it crashes the kernel writes none of it to
// a core file, nor to a program that takes core files. A soft limit of 1 byte means both: it is
// less than any file has, and the one that a pipe of core_pattern heeds (fs/coredump.c).
// `prlimit --core=unlimited --pid PID` is for who looks for the cause.
void keep_out_of_core_files();

class SealBox {
public:
    // Makes the key, durably, if there is no file; its directory exists. `corrupt` when the file
    // is not a key, `denied` when others than its owner may read it.
    static Result<SealBox> open(const std::string& key_path);

    // A box of a key of its own, made from this one's: who has it opens what it sealed and nothing
    // else. The same purpose gives the same key.
    SealBox for_purpose(std::string_view purpose) const;

    // A number that only who has this box's key can tell; always the same for the same text.
    std::uint64_t tag(std::string_view text) const;

    // base64 of version byte, nonce and encrypted bytes. Two seals of one secret differ.
    std::string seal(const Secret& secret, std::string_view context) const;

    // `corrupt` when the text was altered, sealed under another key or for another context.
    Result<Secret> unseal(std::string_view text, std::string_view context) const;

private:
    explicit SealBox(Secret key, std::string key_path)
        : key_(std::move(key)), key_path_(std::move(key_path)) {}

    Secret key_;
    std::string key_path_;
};

}  // namespace moln
