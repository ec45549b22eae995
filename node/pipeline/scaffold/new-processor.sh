#!/bin/sh
# Writes a new processor that compiles, and says which lines to add where. It changes no file that is there.
#
#   node/pipeline/scaffold/new-processor.sh NAME [ROOT]
#
# NAME is its type in the configuration, such as row_cap. ROOT is the checkout to write to; default: this one.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
name=${1-}
root=${2-$here/../../..}

fail() {
    echo "new-processor.sh: $1" >&2
    exit 1
}

case $name in
    '') fail 'say its name: new-processor.sh NAME' ;;
    *[!a-z0-9_]* | [!a-z]* | *_ | *__*) fail "\`$name\` is no name: write small letters, digits and single underscores, such as row_cap" ;;
esac
type=$(printf '%s' "$name" | awk -F_ '{ for (i = 1; i <= NF; i++) printf "%s%s", toupper(substr($i, 1, 1)), substr($i, 2) }')
settings=node/config/src/settings/$name.rs
folder=node/pipeline/src/$name
for path in "$settings" "$folder" "$folder.rs"; do
    [ ! -e "$root/$path" ] || fail "$path is there already; choose another name"
done

# The template is compiled and tested as it stands; only its name and the way to its settings differ.
render() {
    sed -e "s/^use ringwatch_frame::{Batch/use ringwatch_config::settings::$type as Settings;\\
&/" -e '/^use crate::settings::/d' -e "s/NewStep/$type/g" -e "s/new_step/$name/g" "$here/new_step/$1" >"$2"
}
mkdir -p "$root/$folder"
render mod.rs "$root/$folder/mod.rs"
render tests.rs "$root/$folder/tests.rs"
render settings.rs "$root/$settings"

cat <<END
Written: $folder/mod.rs, $folder/tests.rs, $settings. Now add:

node/config/src/settings/mod.rs, beside \`mod transform;\` and \`pub use transform::\`
    mod $name;
    pub use $name::$type;

node/config/src/settings/component.rs, in \`pub enum Processor {\`, and $type to \`use super::{\`
    /// What it does, in one line.
    $type($type),

node/config/src/checks/components.rs, in \`match processor {\`; what the schema cannot say of the settings is checked here
    Processor::$type(_) => {}

node/pipeline/src/lib.rs, beside \`pub mod transform;\` and \`pub use transform::TransformProcessor;\`
    pub mod $name;
    pub use $name::${type}Processor;

node/server/src/run/processors.rs, in \`Ok(match found {\`, and ${type}Processor to \`use ringwatch_pipeline::{\`
    ProcessorSettings::$type(settings) => Box::new(${type}Processor::new(&name, settings)?),

docs/processors.md: a section, and in it
    <!-- settings of $name -->
    <!-- end -->

Then: RINGWATCH_WRITE_DOCS=1 cargo test -p ringwatch-config -p ringwatch-pipeline
END
