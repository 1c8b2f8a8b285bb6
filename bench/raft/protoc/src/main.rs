//! Stands in for `protoc` where a peer's build script calls it and the machine has none.
//!
//! It knows the four arguments that build scripts pass: `--include_imports`, `--include_source_info`,
//! `--descriptor_set_out=FILE` and `--proto_path=FOLDER`; all else is a file to compile.

use std::process::ExitCode;

fn main() -> ExitCode {
    let (mut folders, mut files, mut output) = (Vec::new(), Vec::new(), None);
    for argument in std::env::args().skip(1) {
        if let Some(folder) = argument.strip_prefix("--proto_path=") {
            folders.push(folder.to_owned());
        } else if let Some(file) = argument.strip_prefix("--descriptor_set_out=") {
            output = Some(file.to_owned());
        } else if !["--include_imports", "--include_source_info"].contains(&argument.as_str()) {
            files.push(argument);
        }
    }
    let Some(output) = output else {
        eprintln!("--descriptor_set_out=FILE is missing");
        return ExitCode::FAILURE;
    };
    match compile(&folders, &files).and_then(|bytes| std::fs::write(&output, bytes).map_err(|error| error.to_string()))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn compile(folders: &[String], files: &[String]) -> Result<Vec<u8>, String> {
    let mut compiler = protox::Compiler::new(folders).map_err(|error| error.to_string())?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(files).map_err(|error| error.to_string())?;
    Ok(compiler.encode_file_descriptor_set())
}
