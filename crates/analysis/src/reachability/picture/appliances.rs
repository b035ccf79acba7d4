//! What routes lead into: instances and interfaces that may pass packets on.

use super::Appliance;
use super::build::Builder;
use super::value::{own_name, truth};
use crate::reachability::bounded::{Tri, why};

impl Builder<'_> {
    pub(super) fn appliances(&mut self) {
        for kind in ["AWS::EC2::Instance", "AWS::EC2::NetworkInterface"] {
            for name in self.of_kind(kind) {
                let Some(index) = self.picture.component(name) else { continue };
                let component = &self.picture.components[index];
                // The switch is one of the interface; one that an instance is given brings its own.
                let mut switches = vec![self.get(name, "SourceDestCheck")];
                if kind == "AWS::EC2::Instance" {
                    for alias in &component.aliases {
                        switches.push(self.get(alias, "SourceDestCheck"));
                    }
                    for item in self.get(name, "NetworkInterfaces").items() {
                        switches
                            .extend(own_name(item.get("NetworkInterfaceId")).map(|it| self.get(it, "SourceDestCheck")));
                    }
                }
                let mut forwards = Tri::No;
                for switch in switches {
                    match truth(switch) {
                        Some(Tri::No) => {
                            forwards =
                                Tri::Unknown(why(format!("whether {name} passes packets on is decided inside of it")));
                        }
                        Some(Tri::Unknown(whys)) if forwards == Tri::No => forwards = Tri::Unknown(whys),
                        _ => {}
                    }
                }
                let interfaces = component.interfaces.clone();
                let appliance = Appliance { place: self.place(name), forwards, interfaces };
                self.picture.appliances.insert(name.to_owned(), appliance);
            }
        }
    }
}
